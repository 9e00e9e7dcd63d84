// The way to the worker, as the browser measures it.

/**
 * The path of an open connection: `roundTrip` in ms (`null`: not known), whether a TURN server `isRelayed`, and the `address` of
 * this device where it begins there and the browser tells (`null` otherwise).
 */
export async function wayOf(peer) {
  // Nothing is known of a connection that was closed meanwhile.
  const stats = new Map(await peer.getStats().catch(() => []));
  const entries = [...stats.values()];
  const transport = entries.find(({ type }) => type === "transport");
  const isChosen = (entry) => entry.type === "candidate-pair" && (entry.selected || (entry.nominated && entry.state === "succeeded"));
  const pair = stats.get(transport?.selectedCandidatePairId) ?? entries.find(isChosen);
  const [local, remote] = [stats.get(pair?.localCandidateId), stats.get(pair?.remoteCandidateId)];
  return {
    roundTrip: pair?.currentRoundTripTime > 0 ? pair.currentRoundTripTime * 1000 : null,
    isRelayed: [local, remote].some((candidate) => candidate?.candidateType === "relay"),
    address: local?.candidateType === "host" ? (local.address ?? null) : null,
  };
}

// One lane: a connection of its own to the same worker, over which each message is sent once.

import { gathered, opened, sleep } from "./link.js";

/** Longest time that a lane may take to open: another attempt is sooner there than a handshake that has lost packets. */
const OPEN_TIMEOUT_MS = 6000;
/** A lane that has sent nothing of what waits in it for so long is left out until it does. */
const STALLED_MS = 400;
/** Bytes that may wait in one lane before another one is taken. */
const MAX_BUFFERED = 65536;

/**
 * Opens a lane. `ask(sdp)` takes an offer to the worker and returns its answer; `address` is this device's where the path to the worker
 * begins, `null` where that is not known.
 */
export async function openLane({ certificates, address, ask }) {
  const peer = new RTCPeerConnection({ certificates });
  const late = sleep(OPEN_TIMEOUT_MS).then(() => {
    throw new Error("a lane did not open in time");
  });
  const open = async () => {
    const channel = peer.createDataChannel("frame-stream", { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 });
    channel.binaryType = "arraybuffer";
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    await peer.setRemoteDescription({ type: "answer", sdp: await ask(narrowed(peer.localDescription.sdp, address)) });
    await opened(peer, channel);
    return new Lane(peer, channel);
  };
  try {
    return await Promise.race([open(), late]);
  } catch (error) {
    peer.close();
    throw error;
  }
}

/** A description with the one address of this device that leads to the worker, where it is there: the first answer decides then. */
function narrowed(sdp, address) {
  const lines = sdp.split("\r\n");
  const isCandidate = (line) => line.startsWith("a=candidate:");
  const leads = (line) => line.split(" ")[2]?.toLowerCase() === "udp" && line.split(" ")[4] === address;
  if (!lines.some((line) => isCandidate(line) && leads(line))) return sdp;
  return lines.filter((line) => !isCandidate(line) || leads(line)).join("\r\n");
}

export class Lane {
  #peer;
  #channel;
  /** What waited in it when it was last looked at, and when that last became less. */
  #buffered = 0;
  #moved = performance.now();
  /** When it last was given a shard, as a running number. */
  turn = 0;
  /** Resolves when it is over. */
  ended;

  constructor(peer, channel) {
    this.#peer = peer;
    this.#channel = channel;
    this.ended = new Promise((resolve) => {
      channel.addEventListener("close", resolve, { once: true });
      peer.addEventListener("connectionstatechange", () => {
        // A connection that is silent may come back; frames do not wait for that.
        if (["disconnected", "failed", "closed"].includes(peer.connectionState)) resolve();
      });
      if (channel.readyState !== "open") resolve();
    });
  }

  get peer() {
    return this.#peer;
  }

  /** `take(data)` gets all messages. */
  read(take) {
    this.#channel.addEventListener("message", ({ data }) => take(data));
  }

  /** Bytes that wait in it. */
  get buffered() {
    return this.#channel.bufferedAmount;
  }

  get hasRoom() {
    return this.#channel.readyState === "open" && this.buffered < MAX_BUFFERED;
  }

  /** Whether what waits in it has not moved for a while. To be asked before shards are dealt. */
  isStalled(now) {
    const { buffered } = this;
    if (buffered < this.#buffered || buffered === 0) this.#moved = now;
    this.#buffered = buffered;
    return now - this.#moved > STALLED_MS;
  }

  /** Sends a shard; false: the lane is over. */
  send(message) {
    try {
      this.#channel.send(message);
    } catch {
      return false;
    }
    this.#buffered += message.length;
    return true;
  }

  close() {
    this.#peer.close();
  }
}

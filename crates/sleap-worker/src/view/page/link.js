// A data channel to the worker: offer and answer go by one request, and it comes back by itself.

/** How long the browser may look for its own addresses, ms. */
const GATHERING = 2000;
/** How long a channel may take to open, ms. */
const OPENING = 15000;
/** First and longest pause before the next attempt, ms. */
const PAUSE = [500, 5000];

/** The link that led here is not the one of the worker that runs now. */
export class WrongLink extends Error {}

/** Opens a channel for `purpose`, "view" or "stream". */
export async function connect(purpose, token) {
  const peer = new RTCPeerConnection();
  try {
    const channel = peer.createDataChannel("frame-stream");
    channel.binaryType = "arraybuffer";
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const sdp = await exchange(purpose, token, peer.localDescription.sdp);
    await peer.setRemoteDescription({ type: "answer", sdp });
    await opened(peer, channel);
    return { peer, channel };
  } catch (error) {
    peer.close();
    throw error;
  }
}

async function exchange(purpose, token, offer) {
  const answer = await fetch(purpose, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
    body: offer,
  });
  const text = await answer.text();
  if (answer.status === 401) throw new WrongLink(text);
  if (!answer.ok) throw new Error(text);
  return text;
}

function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHERING);
  });
}

function opened(peer, channel) {
  return new Promise((resolve, reject) => {
    channel.addEventListener("open", resolve, { once: true });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "failed") reject(new Error("there is no network path to the worker"));
    });
    setTimeout(() => reject(new Error("the worker's channel did not open")), OPENING);
  });
}

/** Resolves when the channel is closed or the peer is lost. */
export function ended({ peer, channel }) {
  return new Promise((resolve) => {
    channel.addEventListener("close", resolve, { once: true });
    peer.addEventListener("connectionstatechange", () => {
      if (["failed", "closed"].includes(peer.connectionState)) resolve();
    });
  });
}

/**
 * Keeps a link for as long as the page lives: `serve` gets each, and `state` hears "connecting",
 * "connected", "lost" (with a reason) or "wrong-link", after which nothing follows.
 */
export async function keep(purpose, token, serve, state) {
  let pause = PAUSE[0];
  for (;;) {
    state("connecting");
    try {
      const link = await connect(purpose, token);
      const over = ended(link);
      state("connected");
      pause = PAUSE[0];
      serve(link);
      await over;
      link.peer.close();
      state("lost", "the worker is gone");
    } catch (error) {
      if (error instanceof WrongLink) return state("wrong-link", error.message);
      state("lost", error.message);
    }
    await sleep(pause);
    pause = Math.min(pause * 2, PAUSE[1]);
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

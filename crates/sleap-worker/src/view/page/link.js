// A data channel to the worker: offer and answer go by one request, and it comes back by itself.

/** How long the browser may look for its own addresses, ms. */
const GATHERING = 2000;
/** How long the worker may take to answer an offer, and a channel to open, ms. */
const ANSWER = 20000;
const OPENING = 15000;
/** First and longest pause before the next attempt, ms. */
const PAUSE = [500, 5000];
/** Seconds without a word from a worker that speaks every second. */
const SILENCE = 5;

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
    // Safari 15 has no such signals, and limits of its own.
    signal: AbortSignal.timeout?.(ANSWER),
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
      if (peer.connectionState === "failed") reject(unreachable("there is no network path to the worker"));
    });
    setTimeout(() => reject(unreachable("the worker's channel did not open")), OPENING);
  });
}

/** Browsers leave loopback out of the paths that they try. */
function unreachable(words) {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const help = isHere ? "\nBrowsers reach a worker on their own computer only while that is in a network: join one, be it a phone's." : "";
  return new Error(words + help);
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

/** Resolves when the worker, which from now on speaks every second, is not heard any more. */
export function silence({ channel }) {
  return new Promise((resolve) => {
    // Looks are counted, not time: a page that was put to sleep has heard nothing either.
    let looks = 0;
    channel.addEventListener("message", () => (looks = 0));
    const look = setInterval(() => {
      if (channel.readyState === "open" && ++looks <= SILENCE) return;
      clearInterval(look);
      resolve();
    }, 1000);
  });
}

/**
 * Keeps a link for as long as the page lives: `serve` gets each and may end it by resolving, with the
 * reason if there is one, and `state` hears "connecting", "connected", "lost" (with a reason) or
 * "wrong-link", after which nothing follows. `wanted` is waited for before it comes back.
 */
export async function keep(purpose, token, { serve, state, wanted }) {
  let pause = PAUSE[0];
  for (;;) {
    state("connecting");
    try {
      const link = await connect(purpose, token);
      const over = ended(link);
      state("connected");
      pause = PAUSE[0];
      const reason = await Promise.race([over.then(() => null), serve(link)]);
      link.peer.close();
      state("lost", reason ?? "the worker is gone");
    } catch (error) {
      if (error instanceof WrongLink) return state("wrong-link", error.message);
      state("lost", error.message);
    }
    await sleep(pause);
    await wanted();
    pause = Math.min(pause * 2, PAUSE[1]);
  }
}

/**
 * What `promise` gives, unless `signal` aborts before: then its reason is thrown, and what still comes
 * goes to `discard`.
 */
export function unless(signal, promise, discard = () => {}) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(signal.reason);
      promise.then(discard, () => {});
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A data channel to the worker: offer and answer are one HTTP request, and a lost channel is opened again.

/** How long the browser may look for its own addresses, ms. */
const GATHERING_TIMEOUT_MS = 2000;
/** How long the worker may take to answer an offer, and a channel to open, ms. */
const ANSWER_TIMEOUT_MS = 20000;
const OPEN_TIMEOUT_MS = 15000;
/** First and longest pause before the next attempt, ms. */
const RECONNECT_PAUSE_MS = [500, 5000];
/** Seconds without a message from a worker that sends one every second. */
const WORKER_TIMEOUT_S = 5;

/** Reasons of the worker after which this link cannot be used. */
const FINAL = ["token", "off", "host", "origin", "look-only"];

/** The worker answered and refused; `reason` is its word for that, the message is for people. */
export class Refusal extends Error {
  constructor(reason, message) {
    super(message);
    this.reason = reason;
  }

  /** Whether a later attempt with this link is refused too. */
  get isFinal() {
    return FINAL.includes(this.reason) || this.reason === "send-only";
  }
}

/** What the worker adds to its description where it takes lanes for shards, and how many. */
const SHARD_LANES = /^a=x-sleap-shard-lanes:(\d+)\s*$/m;

/** Opens a channel for `purpose`, "view" or "stream". `offeredLanes`: lanes for shards that the worker's description offers. */
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
    // The browser keeps no attribute that it does not know.
    return { peer, channel, offeredLanes: Number(SHARD_LANES.exec(sdp)?.[1] ?? 0) };
  } catch (error) {
    peer.close();
    throw error;
  }
}

async function exchange(purpose, token, offer) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
    body: offer,
    // Safari 15 has no such signals; it has a timeout of its own.
    signal: AbortSignal.timeout?.(ANSWER_TIMEOUT_MS),
  };
  const answer = await fetch(purpose, request).catch(() => {
    // Browsers differ in their words for this.
    throw new Error("");
  });
  const text = await answer.text();
  if (!answer.ok) throw new Refusal(answer.headers.get("sleap-reason") ?? "", text);
  return text;
}

/** Resolves when the description has all addresses, or most. */
export function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHERING_TIMEOUT_MS);
  });
}

/** Resolves when the channel is open. */
export function opened(peer, channel) {
  return new Promise((resolve, reject) => {
    if (channel.readyState === "open") return resolve();
    channel.addEventListener("open", resolve, { once: true });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "failed") reject(unreachable("There is no network path to the worker."));
    });
    setTimeout(() => reject(unreachable("The worker's channel did not open.")), OPEN_TIMEOUT_MS);
  });
}

/** Browsers do not try paths over loopback addresses. */
function unreachable(words) {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const help = isHere ? "\nBrowsers reach a worker on their own computer only while it is in a network: join one, such as a phone's." : "";
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

/** Resolves when the worker, which sends a message every second from now on, is silent. */
export function silence({ channel }) {
  return new Promise((resolve) => {
    // Counted in steps of this timer, since a page that the browser suspends receives nothing either.
    let steps = 0;
    channel.addEventListener("message", () => (steps = 0));
    const timer = setInterval(() => {
      if (channel.readyState === "open" && ++steps <= WORKER_TIMEOUT_S) return;
      clearInterval(timer);
      resolve();
    }, 1000);
  });
}

/**
 * Keeps a link for as long as the page lives: `serve` gets each and may end it by resolving, with the
 * reason if there is one. `state` receives "connecting", "connected", "lost" or "full" with a reason, or as
 * the last word "wrong-link" or "send-only". `wanted` is awaited before the next attempt.
 */
export async function keep(purpose, token, { serve, state, wanted }) {
  let pause = RECONNECT_PAUSE_MS[0];
  for (;;) {
    state("connecting");
    try {
      const link = await connect(purpose, token);
      const over = ended(link);
      state("connected");
      pause = RECONNECT_PAUSE_MS[0];
      const reason = await Promise.race([over.then(() => null), serve(link)]);
      link.peer.close();
      state("lost", reason ?? "The worker has ended, or the connection broke.");
    } catch (error) {
      const { reason, isFinal } = error;
      if (isFinal) return state(reason === "send-only" ? reason : "wrong-link", error.message);
      state(reason === "viewers" ? "full" : "lost", error.message);
    }
    await sleep(pause);
    await wanted();
    pause = Math.min(pause * 2, RECONNECT_PAUSE_MS[1]);
  }
}

/**
 * The value of `promise`, unless `signal` aborts before: then its reason is thrown, and a later value goes
 * to `discard`.
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

// This device's camera as a client: JPEGs to the worker, poses back, drawn on the frame they belong to.

import { connect, ended, sleep } from "./link.js";
import { KEEP_ALIVE, frameMessages } from "./wire.js";

/** How often the worker is told that this side is there, ms: the protocol asks for it. */
const HEARTBEAT = 1000;
/** How often a worker that is busy is asked again, ms. */
const ASK_AGAIN = 2000;
/** How long the worker may take for its first answer, and for its last, ms. */
const ACK = 10000;
const LAST_ANSWER = 2000;
/** Frames without an answer: at the start, and at most. */
const WINDOW = { first: 2, most: 6 };
/** With so many bytes waiting in the browser the network is the bottleneck: no further frame. */
const MAX_BUFFERED = 256 * 1024;
/** Answers in a row after which one more frame may be under way. */
const PATIENCE = 20;

/** The camera cannot be used, or the worker does not take it; the message is for people. */
export class Refused extends Error {}

export class Camera {
  #token;
  #hears;
  #video = document.createElement("video");
  #settings = { facing: "environment", width: 640, quality: 0.8 };
  #running = null;

  /** `hears`: `picture(canvas, answer, meta)`, `state(word, reason)` and `age(ms)`. */
  constructor(token, hears) {
    this.#token = token;
    this.#hears = hears;
    this.#video.muted = true;
    this.#video.playsInline = true;
  }

  get isRunning() {
    return this.#running !== null;
  }

  /** Changes `width` or `quality`; takes effect with the next frame. */
  set(change) {
    this.#settings = { ...this.#settings, ...change };
  }

  /** Streams until `stop`, or until it cannot any more. */
  async start() {
    const running = new AbortController();
    this.#running = running;
    try {
      this.#hears.state("asking");
      await this.#open();
      if (running.signal.aborted) return;
      this.#hears.state("connecting");
      await this.#stream(running.signal);
      this.#hears.state("stopped");
    } catch (error) {
      this.#hears.state("failed", words(error));
    } finally {
      this.#close();
      if (this.#running === running) this.#running = null;
    }
  }

  stop() {
    this.#running?.abort();
  }

  /** The camera on the device's other side. */
  async flip() {
    const facing = this.#settings.facing === "user" ? "environment" : "user";
    this.set({ facing });
    // Phones open one camera at a time.
    this.#close();
    if (this.isRunning) await this.#open().catch((error) => this.#hears.state("failed", words(error)));
  }

  async #open() {
    if (!navigator.mediaDevices) {
      throw new Refused("Browsers give cameras only to pages from this computer or over https.");
    }
    const { facing, width } = this.#settings;
    const video = { facingMode: facing, width: { ideal: Math.max(width, 640) }, frameRate: { ideal: 30 } };
    this.#video.srcObject = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    await this.#video.play();
  }

  #close() {
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
  }

  async #stream(signal) {
    const link = await connect("stream", this.#token);
    const heartbeat = setInterval(() => say(link, KEEP_ALIVE), HEARTBEAT);
    const awake = await navigator.wakeLock?.request("screen").catch(() => null);
    try {
      const session = new Session(link, this.#video, this.#hears, () => this.#settings);
      await session.run(signal);
    } finally {
      clearInterval(heartbeat);
      awake?.release();
      link.peer.close();
    }
  }
}

/** One stream, from STREAM_START to STREAM_COMPLETE. */
class Session {
  #link;
  #video;
  #hears;
  #settings;
  #window = WINDOW.first;
  #answeredInRow = 0;
  #frames = new Map();
  #spare = [];
  #next = 0;
  #encoding = false;
  #begun = 0;
  #streamId = crypto.getRandomValues(new Uint32Array(4)).reduce((id, part) => id + part.toString(16).padStart(8, "0"), "");
  #onAck = () => {};
  #onComplete = () => {};

  constructor(link, video, hears, settings) {
    this.#link = link;
    this.#video = video;
    this.#hears = hears;
    this.#settings = settings;
    link.channel.addEventListener("message", ({ data }) => this.#hear(data));
  }

  async run(signal) {
    const stopped = new Promise((resolve) => {
      signal.addEventListener("abort", resolve, { once: true });
      if (signal.aborted) resolve();
    });
    const lost = ended(this.#link).then(() => Promise.reject(new Refused("The connection to the worker is lost.")));
    lost.catch(() => {});
    await Promise.race([this.#begin(signal), stopped, lost]);
    if (!signal.aborted) {
      this.#hears.state("live");
      this.#begun = performance.now();
      this.#pump(signal);
      await Promise.race([stopped, lost]);
    }
    const complete = new Promise((resolve) => (this.#onComplete = resolve));
    const seconds = (performance.now() - this.#begun) / 1000;
    this.#tell({ type: "STREAM_END", total_sent: this.#next, elapsed_seconds: seconds, average_fps: this.#next / seconds });
    await Promise.race([complete, lost.catch(() => {}), sleep(LAST_ANSWER)]);
  }

  /** Asks until the worker has time. */
  async #begin(signal) {
    while (!signal.aborted) {
      const answered = new Promise((resolve) => (this.#onAck = resolve));
      this.#tell(this.#start());
      const late = sleep(ACK).then(() => ({ status: "silent", message: "The worker does not answer." }));
      const ack = await Promise.race([answered, late]);
      if (ack.status === "ready") return;
      if (ack.status !== "busy") throw new Refused(ack.message ?? `The worker says: ${ack.status}.`);
      this.#hears.state("busy", ack.message);
      await sleep(ASK_AGAIN);
    }
  }

  #start() {
    const [width, height] = this.#size();
    const { videoWidth, videoHeight } = this.#video;
    const fps = this.#video.srcObject?.getVideoTracks()[0]?.getSettings().frameRate ?? null;
    return {
      type: "STREAM_START", source_name: "browser camera", is_webcam: true, total_frames: -1, frames_to_send: -1,
      sample_rate: 1, batch_size: 1, fps, width, height, original_width: videoWidth, original_height: videoHeight,
      jpeg_quality: Math.round(this.#settings().quality * 100), answers: true, heartbeat: true, stream_id: this.#streamId,
    };
  }

  /** Size of the frames as sent: never enlarged. */
  #size() {
    const { videoWidth, videoHeight } = this.#video;
    const width = Math.min(this.#settings().width, videoWidth);
    return [width, Math.max(1, Math.round((videoHeight * width) / videoWidth))];
  }

  /** Sends the camera's newest frame whenever there is one and the worker keeps up. */
  #pump(signal) {
    const video = this.#video;
    const next = video.requestVideoFrameCallback
      ? (then) => video.requestVideoFrameCallback(then)
      : (then) => requestAnimationFrame((now) => then(now, {}));
    const frame = (now, { captureTime }) => {
      if (signal.aborted || this.#link.channel.readyState !== "open") return;
      next(frame);
      this.#send(captureTime ?? now);
    };
    next(frame);
  }

  async #send(capturedAt) {
    const { channel } = this.#link;
    const isFull = this.#frames.size >= this.#window;
    if (this.#encoding || isFull || channel.bufferedAmount > MAX_BUFFERED || !this.#video.videoWidth) return;
    this.#encoding = true;
    try {
      const canvas = this.#spare.pop() ?? document.createElement("canvas");
      const [width, height] = this.#size();
      Object.assign(canvas, { width, height });
      canvas.getContext("2d").drawImage(this.#video, 0, 0, width, height);
      const blob = await new Promise((made) => canvas.toBlob(made, "image/jpeg", this.#settings().quality));
      const bytes = new Uint8Array(await blob.arrayBuffer());
      if (channel.readyState !== "open") return;
      const frameId = this.#next++;
      const capturedUs = Math.round((performance.timeOrigin + capturedAt) * 1000);
      this.#frames.set(frameId, { canvas, capturedAt, meta: { frameId, width, height } });
      for (const message of frameMessages({ frameId, height, width, capturedUs }, bytes)) channel.send(message);
    } finally {
      this.#encoding = false;
    }
  }

  #hear(data) {
    if (typeof data !== "string" || !data.startsWith("{")) return;
    const message = JSON.parse(data);
    switch (message.type) {
      case "STREAM_ACK": return this.#onAck(message);
      case "STREAM_COMPLETE": return this.#onComplete(message);
      case "BACKPRESSURE": return this.#narrow();
      case "PREDICTION":
      case "FRAME_RECEIVED":
      case "ERROR": return this.#answer(message);
    }
  }

  #answer(answer) {
    const frame = this.#frames.get(answer.frame_id);
    if (!frame) return;
    this.#frames.delete(answer.frame_id);
    if (answer.type !== "ERROR") this.#hears.picture(frame.canvas, answer, frame.meta);
    this.#hears.age(performance.now() - frame.capturedAt);
    this.#spare.push(frame.canvas);
    // Answers that come one after the other show that there is room for more under way.
    if (++this.#answeredInRow >= PATIENCE && this.#window < WINDOW.most) {
      this.#window += 1;
      this.#answeredInRow = 0;
    }
  }

  /** The worker has more than it can do. */
  #narrow() {
    this.#window = Math.max(1, this.#window - 1);
    this.#answeredInRow = 0;
  }

  #tell(message) {
    say(this.#link, JSON.stringify(message));
  }
}

function say({ channel }, message) {
  if (channel.readyState === "open") channel.send(message);
}

function words(error) {
  switch (error.name) {
    case "NotAllowedError": return "The browser was not allowed to use the camera.";
    case "NotFoundError": return "This device has no camera.";
    case "NotReadableError": return "Another program is using the camera.";
    default: return error.message;
  }
}

// One connection of a stream: from STREAM_START to STREAM_COMPLETE, or until it is lost.

import { ended, silence, sleep, unless } from "./link.js";
import { KEEP_ALIVE, frameMessages } from "./wire.js";

/** Time between two KEEP_ALIVE messages, ms: part of the protocol. */
const HEARTBEAT_INTERVAL_MS = 1000;
/** Pause before a busy worker is asked again, ms. */
const BUSY_RETRY_MS = 2000;
/** How long the worker may take for STREAM_ACK, and for STREAM_COMPLETE, ms. */
const ACK_TIMEOUT_MS = 10000;
const COMPLETE_TIMEOUT_MS = 10000;
/** The source, as the worker and recordings name it. */
const SOURCE_NAME = "browser camera";
/** Frames in flight: at the start, and at most. */
const WINDOW = { first: 2, most: 6 };
/** With more bytes than this queued in the browser the network is the bottleneck: no further frame. */
const MAX_BUFFERED = 256 * 1024;
/** Results in a row after which one more frame may be in flight. */
const RESULTS_PER_STEP = 20;

/** The camera cannot be used, or the worker refuses it; the message is for people. */
export class CameraRefused extends Error {}

/** The connection was lost while frames were sent. */
export class Lost extends Error {}

export class Session {
  #link;
  #video;
  #on;
  #settings;
  #stream;
  #window = WINDOW.first;
  #resultsInRow = 0;
  #frames = new Map();
  #spare = [];
  #isEncoding = false;
  /** Whether frames are sent: from STREAM_ACK to the end. */
  #isLive = false;
  #begun = performance.now();
  #onAck = () => {};
  #onComplete = () => {};

  /** `stream`: its `id`, the number of the `next` frame, and how many were `sent` and `skipped`; they outlive a
   * connection. */
  constructor(link, video, on, settings, stream) {
    this.#link = link;
    this.#video = video;
    this.#on = on;
    this.#settings = settings;
    this.#stream = stream;
    link.channel.addEventListener("message", ({ data }) => this.#receive(data));
  }

  /** Streams until `signal` aborts, and throws its reason, or until the connection is lost. */
  async run(signal) {
    const heartbeat = setInterval(() => this.#sendText(KEEP_ALIVE), HEARTBEAT_INTERVAL_MS);
    const lost = ended(this.#link).then(() => this.#lost());
    try {
      await unless(signal, Promise.race([this.#begin(signal), lost]));
      this.#isLive = true;
      this.#begun = performance.now();
      this.#on.state("live");
      await unless(signal, Promise.race([lost, silence(this.#link).then(() => this.#lost())]));
    } catch (error) {
      if (signal.aborted) await this.#end(lost);
      throw error;
    } finally {
      this.#isLive = false;
      clearInterval(heartbeat);
    }
  }

  /** Sends the camera's newest frame if the worker keeps up. A frame that is not sent has a number too. */
  frame(capturedAt) {
    const { channel } = this.#link;
    if (!this.#isLive || !this.#video.videoWidth || channel.readyState !== "open") return;
    const isFull = this.#frames.size >= this.#window || channel.bufferedAmount > MAX_BUFFERED;
    const frameId = this.#stream.next++;
    if (this.#isEncoding || isFull) this.#on.skipped(++this.#stream.skipped);
    else this.#sendFrame(frameId, capturedAt);
  }

  #lost() {
    const words = "The connection to the worker is lost.";
    throw this.#isLive ? new Lost(words) : new CameraRefused(words);
  }

  /** Asks until the worker takes the stream. */
  async #begin(signal) {
    while (!signal.aborted) {
      const answered = new Promise((resolve) => (this.#onAck = resolve));
      this.#sendJson(this.#start());
      const late = sleep(ACK_TIMEOUT_MS).then(() => ({ status: "silent", message: "The worker does not answer." }));
      const ack = await Promise.race([answered, late]);
      if (ack.status === "ready") return this.#on.skeleton(ack.skeleton);
      if (ack.status !== "busy") throw new CameraRefused(ack.message ?? `The worker refuses the stream: ${ack.status}.`);
      this.#on.state("busy", { position: ack.queue_position });
      await sleep(BUSY_RETRY_MS);
    }
  }

  /** No frame follows STREAM_END, not even one that is being encoded. */
  async #end(lost) {
    this.#isLive = false;
    const complete = new Promise((resolve) => (this.#onComplete = resolve));
    const seconds = (performance.now() - this.#begun) / 1000;
    const { sent } = this.#stream;
    this.#sendJson({ type: "STREAM_END", total_sent: sent, elapsed_seconds: seconds, average_fps: sent / seconds });
    await Promise.race([complete, lost.catch(() => {}), sleep(COMPLETE_TIMEOUT_MS)]);
  }

  #start() {
    const [width, height] = this.#size();
    const { videoWidth, videoHeight } = this.#video;
    return {
      type: "STREAM_START", source_name: SOURCE_NAME, is_webcam: true, total_frames: -1, frames_to_send: -1,
      sample_rate: 1, batch_size: 1, fps: this.#rate(), width, height, original_width: videoWidth, original_height: videoHeight,
      jpeg_quality: Math.round(this.#settings().quality * 100), answers: true, heartbeat: true, stream_id: this.#stream.id,
    };
  }

  /** Size of the frames as sent: never enlarged. */
  #size() {
    const { videoWidth, videoHeight } = this.#video;
    const width = Math.min(this.#settings().width, videoWidth);
    return [width, Math.max(1, Math.round((videoHeight * width) / videoWidth))];
  }

  /** The camera, as recordings name it. */
  #source() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    return { source_name: SOURCE_NAME, width, height, fps: this.#rate() };
  }

  #rate() {
    return this.#video.srcObject?.getVideoTracks()[0]?.getSettings().frameRate ?? null;
  }

  async #sendFrame(frameId, capturedAt) {
    const { channel } = this.#link;
    this.#isEncoding = true;
    try {
      const canvas = this.#spare.pop() ?? document.createElement("canvas");
      const [width, height] = this.#size();
      Object.assign(canvas, { width, height });
      canvas.getContext("2d").drawImage(this.#video, 0, 0, width, height);
      const blob = await new Promise((made) => canvas.toBlob(made, "image/jpeg", this.#settings().quality));
      const bytes = blob && new Uint8Array(await blob.arrayBuffer());
      // The stream may have ended meanwhile, and a browser short of memory makes no JPEG.
      if (!bytes || !this.#isLive || channel.readyState !== "open") return;
      this.#stream.sent += 1;
      const capturedUs = Math.round((performance.timeOrigin + capturedAt) * 1000);
      this.#frames.set(frameId, { canvas, capturedAt, meta: { frameId, width, height, capturedUs, source: this.#source() } });
      for (const message of frameMessages({ frameId, height, width, capturedUs }, bytes)) channel.send(message);
    } catch (error) {
      console.debug("a frame is not sent", error);
    } finally {
      this.#isEncoding = false;
    }
  }

  #receive(data) {
    if (typeof data !== "string" || !data.startsWith("{")) return;
    const message = JSON.parse(data);
    switch (message.type) {
      case "STREAM_ACK": return this.#onAck(message);
      case "STREAM_COMPLETE": return this.#onComplete(message);
      case "BACKPRESSURE": return this.#narrow();
      case "PREDICTION":
      case "FRAME_RECEIVED":
      case "ERROR": return this.#result(message);
    }
  }

  #result(result) {
    const frame = this.#frames.get(result.frame_id);
    if (!frame) return;
    this.#frames.delete(result.frame_id);
    const age = performance.now() - frame.capturedAt;
    const meta = { ...frame.meta, latencyUs: Math.max(0, Math.round(age * 1000)) };
    if (result.type !== "ERROR") this.#on.picture(frame.canvas, result, meta);
    this.#on.age(age);
    this.#spare.push(frame.canvas);
    // Results without a BACKPRESSURE between them show that one more frame can be in flight.
    if (++this.#resultsInRow >= RESULTS_PER_STEP && this.#window < WINDOW.most) {
      this.#window += 1;
      this.#resultsInRow = 0;
    }
  }

  /** The worker's queues are full. */
  #narrow() {
    this.#window = Math.max(1, this.#window - 1);
    this.#resultsInRow = 0;
  }

  #sendJson(message) {
    this.#sendText(JSON.stringify(message));
  }

  #sendText(message) {
    if (this.#link.channel.readyState === "open") this.#link.channel.send(message);
  }
}

// One connection of a stream: from STREAM_START to STREAM_COMPLETE, or until it breaks.

import { ended, silence, sleep, unless } from "./link.js";
import { KEEP_ALIVE, frameMessages } from "./wire.js";

/** How often the worker is told that this side is there, ms: the protocol asks for it. */
const HEARTBEAT = 1000;
/** How often a worker that is busy is asked again, ms. */
const ASK_AGAIN = 2000;
/** How long the worker may take for its first answer, and for its last, ms. */
const ACK = 10000;
const LAST_ANSWER = 10000;
/** Frames without an answer: at the start, and at most. */
const WINDOW = { first: 2, most: 6 };
/** With so many bytes waiting in the browser the network is the bottleneck: no further frame. */
const MAX_BUFFERED = 256 * 1024;
/** Answers in a row after which one more frame may be under way. */
const PATIENCE = 20;

/** The camera cannot be used, or the worker does not take it; the message is for people. */
export class Refused extends Error {}

/** The connection broke while frames went over it. */
export class Lost extends Error {}

export class Session {
  #link;
  #video;
  #hears;
  #settings;
  #stream;
  #window = WINDOW.first;
  #answeredInRow = 0;
  #frames = new Map();
  #spare = [];
  #isEncoding = false;
  /** Frames are taken: from the worker's word to the end. */
  #isLive = false;
  #begun = performance.now();
  #onAck = () => {};
  #onComplete = () => {};

  /** `stream`: its `id`, the `next` frame's, and how many were `skipped`; they outlive a connection. */
  constructor(link, video, hears, settings, stream) {
    this.#link = link;
    this.#video = video;
    this.#hears = hears;
    this.#settings = settings;
    this.#stream = stream;
    link.channel.addEventListener("message", ({ data }) => this.#hear(data));
  }

  /** Streams until `signal` aborts, whose reason is thrown then, or until the connection breaks. */
  async run(signal) {
    const heartbeat = setInterval(() => this.#say(KEEP_ALIVE), HEARTBEAT);
    const lost = ended(this.#link).then(() => this.#lost());
    try {
      await unless(signal, Promise.race([this.#begin(signal), lost]));
      this.#isLive = true;
      this.#begun = performance.now();
      this.#hears.state("live");
      await unless(signal, Promise.race([lost, silence(this.#link).then(() => this.#lost())]));
    } catch (error) {
      if (signal.aborted) await this.#end(lost);
      throw error;
    } finally {
      this.#isLive = false;
      clearInterval(heartbeat);
    }
  }

  /** Sends the camera's newest frame if the worker keeps up. */
  frame(capturedAt) {
    const { channel } = this.#link;
    if (!this.#isLive || !this.#video.videoWidth || channel.readyState !== "open") return;
    const isFull = this.#frames.size >= this.#window || channel.bufferedAmount > MAX_BUFFERED;
    if (this.#isEncoding || isFull) this.#hears.skipped(++this.#stream.skipped);
    else this.#send(capturedAt);
  }

  #lost() {
    const words = "The connection to the worker is lost.";
    throw this.#isLive ? new Lost(words) : new Refused(words);
  }

  /** Asks until the worker has time. */
  async #begin(signal) {
    while (!signal.aborted) {
      const answered = new Promise((resolve) => (this.#onAck = resolve));
      this.#tell(this.#start());
      const late = sleep(ACK).then(() => ({ status: "silent", message: "The worker does not answer." }));
      const ack = await Promise.race([answered, late]);
      if (ack.status === "ready") return this.#hears.skeleton(ack.skeleton);
      if (ack.status !== "busy") throw new Refused(ack.message ?? `The worker says: ${ack.status}.`);
      this.#hears.state("busy", ack.message);
      await sleep(ASK_AGAIN);
    }
  }

  /** No frame follows STREAM_END, not even one that is being made just now. */
  async #end(lost) {
    this.#isLive = false;
    const complete = new Promise((resolve) => (this.#onComplete = resolve));
    const seconds = (performance.now() - this.#begun) / 1000;
    const sent = this.#stream.next;
    this.#tell({ type: "STREAM_END", total_sent: sent, elapsed_seconds: seconds, average_fps: sent / seconds });
    await Promise.race([complete, lost.catch(() => {}), sleep(LAST_ANSWER)]);
  }

  #start() {
    const [width, height] = this.#size();
    const { videoWidth, videoHeight } = this.#video;
    const fps = this.#video.srcObject?.getVideoTracks()[0]?.getSettings().frameRate ?? null;
    return {
      type: "STREAM_START", source_name: "browser camera", is_webcam: true, total_frames: -1, frames_to_send: -1,
      sample_rate: 1, batch_size: 1, fps, width, height, original_width: videoWidth, original_height: videoHeight,
      jpeg_quality: Math.round(this.#settings().quality * 100), answers: true, heartbeat: true, stream_id: this.#stream.id,
    };
  }

  /** Size of the frames as sent: never enlarged. */
  #size() {
    const { videoWidth, videoHeight } = this.#video;
    const width = Math.min(this.#settings().width, videoWidth);
    return [width, Math.max(1, Math.round((videoHeight * width) / videoWidth))];
  }

  async #send(capturedAt) {
    const { channel } = this.#link;
    this.#isEncoding = true;
    try {
      const canvas = this.#spare.pop() ?? document.createElement("canvas");
      const [width, height] = this.#size();
      Object.assign(canvas, { width, height });
      canvas.getContext("2d").drawImage(this.#video, 0, 0, width, height);
      const blob = await new Promise((made) => canvas.toBlob(made, "image/jpeg", this.#settings().quality));
      const bytes = blob && new Uint8Array(await blob.arrayBuffer());
      // The stream may be over by now, and browsers that are short of memory make no picture.
      if (!bytes || !this.#isLive || channel.readyState !== "open") return;
      const frameId = this.#stream.next++;
      const capturedUs = Math.round((performance.timeOrigin + capturedAt) * 1000);
      this.#frames.set(frameId, { canvas, capturedAt, meta: { frameId, width, height } });
      for (const message of frameMessages({ frameId, height, width, capturedUs }, bytes)) channel.send(message);
    } catch (error) {
      console.debug("a frame is not sent", error);
    } finally {
      this.#isEncoding = false;
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
    this.#say(JSON.stringify(message));
  }

  #say(message) {
    if (this.#link.channel.readyState === "open") this.#link.channel.send(message);
  }
}

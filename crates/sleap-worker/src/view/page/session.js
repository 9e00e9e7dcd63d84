// One connection of a stream: from STREAM_START to STREAM_COMPLETE, or until it is lost.

import { FlightWindow } from "./flight_window.js";
import { HoldUps } from "./hold_ups.js";
import { LanePlan } from "./lane_plan.js";
import { ended, silence, sleep, unless } from "./link.js";
import { ShardLanes } from "./shard_lanes.js";
import { KEEP_ALIVE, announcement, frameMessages } from "./wire.js";

/** Time between two KEEP_ALIVE messages, ms: part of the protocol. */
const HEARTBEAT_INTERVAL_MS = 1000;
/** Pause before a busy worker is asked again, ms. */
const BUSY_RETRY_MS = 2000;
/** How long the worker may take for STREAM_ACK, and after the last answer for STREAM_COMPLETE, ms. */
const ACK_TIMEOUT_MS = 10000;
const COMPLETE_TIMEOUT_MS = 10000;
/** The source, as the worker and recordings name it. */
const SOURCE_NAME = "browser camera";
/** With more bytes than this queued in the browser the network is the bottleneck: no further frame. */
const MAX_BUFFERED = 256 * 1024;
/** Frames per second of a camera that does not tell. */
const USUAL_RATE = 30;
/** Messages about one frame. */
const ANSWERS = ["PREDICTION", "FRAME_RECEIVED", "ERROR"];

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
  #lanes;
  #plan;
  #holdUps = new HoldUps();
  #window = new FlightWindow();
  #frames = new Map();
  /** The newest frame that was answered. */
  #newest = -1;
  #spare = [];
  #isEncoding = false;
  /** Whether frames are sent: from STREAM_ACK to the end. */
  #isLive = false;
  #begun = performance.now();
  #onAck = () => {};
  #onComplete = () => {};

  /** `stream`: its `id`, the number of the `next` frame, how many were `sent`, `skipped` and `lost` on the way, and the bytes of
   * shards; they outlive a connection. */
  constructor(link, video, on, settings, stream) {
    this.#link = link;
    this.#video = video;
    this.#on = on;
    this.#settings = settings;
    this.#stream = stream;
    this.#lanes = new ShardLanes({ answer: (text) => this.#receiveAnswer(text), tell: (message) => this.#tell(message), totals: stream });
    this.#plan = new LanePlan(link, this.#lanes);
    link.channel.addEventListener("message", ({ data }) => this.#receive(data));
  }

  /** Streams until `signal` aborts, and throws its reason, or until the connection is lost. */
  async run(signal) {
    const heartbeat = setInterval(() => this.#beat(), HEARTBEAT_INTERVAL_MS);
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
      // What is not answered until now is not answered any more.
      for (const frameId of [...this.#frames.keys()]) this.#loseFrame(frameId);
      this.#showNetwork();
      this.#lanes.close();
    }
  }

  #beat() {
    this.#tell(KEEP_ALIVE);
    this.#showNetwork();
  }

  #showNetwork() {
    const { dataBytes, parityBytes, lost } = this.#stream;
    const parity = dataBytes > 0 ? (100 * parityBytes) / dataBytes : 0;
    if (dataBytes > 0 || lost > 0) this.#on.network({ lanes: this.#lanes.count, parity, lost });
  }

  /** Sends the camera's newest frame if the worker keeps up. A frame that is not sent has a number too. */
  frame(capturedAt) {
    const { channel } = this.#link;
    if (!this.#isLive || !this.#video.videoWidth || channel.readyState !== "open") return;
    if (this.#lanes.areUsed) this.#window.overLanes(this.#plan.roundTrip ?? 0, 1000 / (this.#rate() || USUAL_RATE));
    const frameId = this.#stream.next++;
    if (this.#isEncoding || this.#isFull) this.#on.skipped(++this.#stream.skipped);
    else this.#sendFrame(frameId, capturedAt);
  }

  /** Whether a newer frame is worth more than this one, since the worker or the network does not keep up. */
  get #isFull() {
    const lanes = this.#lanes;
    if (lanes.areUsed) return this.#frames.size >= this.#window.size || !lanes.hasRoom;
    // One frame at a time, while lanes are on their way that will take the next ones.
    return this.#frames.size >= (lanes.areAwaited ? 1 : this.#window.size) || this.#link.channel.bufferedAmount > MAX_BUFFERED;
  }

  #lost() {
    const words = "The connection to the worker is lost.";
    throw this.#isLive ? new Lost(words) : new CameraRefused(words);
  }

  /** Asks until the worker takes the stream. */
  async #begin(signal) {
    while (!signal.aborted) {
      const answered = new Promise((resolve) => (this.#onAck = resolve));
      const asked = performance.now();
      this.#tell(this.#start());
      const early = this.#plan.openEarly();
      const late = sleep(ACK_TIMEOUT_MS).then(() => ({ status: "silent", message: "The worker does not answer." }));
      const ack = await Promise.race([answered, late]);
      const ackMs = performance.now() - asked;
      await early;
      if (ack.status === "ready") return await this.#ready(ack, ackMs);
      this.#lanes.end();
      if (ack.status !== "busy") throw new CameraRefused(ack.message ?? `The worker refuses the stream: ${ack.status}.`);
      this.#on.state("busy", { position: ack.queue_position });
      await sleep(BUSY_RETRY_MS);
    }
  }

  /** The worker takes the stream. */
  async #ready(ack, ackMs) {
    this.#on.skeleton(ack.skeleton);
    await this.#plan.open(ack, ackMs);
  }

  /** No frame follows STREAM_END, not even one that is being encoded. */
  async #end(lost) {
    this.#isLive = false;
    const complete = new Promise((resolve) => (this.#onComplete = resolve));
    const seconds = (performance.now() - this.#begun) / 1000;
    const { sent } = this.#stream;
    this.#lanes.settle();
    this.#tell({ type: "STREAM_END", total_sent: sent, elapsed_seconds: seconds, average_fps: sent / seconds });
    await this.#completed(Promise.race([complete, lost.catch(() => {})]));
  }

  /** Waits for `over`, as long as answers come: where packets get lost, those of the channel take long. */
  async #completed(over) {
    for (let waiting = Infinity; this.#frames.size < waiting; ) {
      waiting = this.#frames.size;
      if (await Promise.race([over.then(() => true), sleep(COMPLETE_TIMEOUT_MS)])) return;
    }
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
      const meta = { frameId, width, height, capturedUs, source: this.#source() };
      this.#frames.set(frameId, { canvas, capturedAt, sentAt: performance.now(), meta });
      if (await this.#lanes.send(frameId, announcement(meta, bytes), bytes)) return;
      for (const message of frameMessages(meta, bytes)) channel.send(message);
    } catch (error) {
      console.debug("a frame is not sent", error);
    } finally {
      this.#isEncoding = false;
    }
  }

  #receive(data) {
    if (typeof data !== "string") return;
    if (!data.startsWith("{")) return this.#lanes.receiveText(data);
    const message = JSON.parse(data);
    switch (message.type) {
      case "STREAM_ACK": return this.#onAck(message);
      case "STREAM_COMPLETE": return this.#onComplete(message);
      case "BACKPRESSURE": return this.#window.narrow();
      case "LANE_ANSWER":
      case "SHARD_REPORT": return this.#lanes.receive(message).forEach((frameId) => this.#loseFrame(frameId));
    }
    if (ANSWERS.includes(message.type)) this.#result(message);
  }

  /** Takes an answer that came in shards. */
  #receiveAnswer(text) {
    const answer = JSON.parse(text);
    if (ANSWERS.includes(answer.type)) this.#result(answer);
  }

  /** A frame gets no answer, since packets of it or the connection are lost. It is not sent again: a newer one is worth more. */
  #loseFrame(frameId) {
    const frame = this.#frames.get(frameId);
    if (!frame) return;
    this.#frames.delete(frameId);
    this.#spare.push(frame.canvas);
    this.#stream.lost += 1;
  }

  /** An answer that comes twice is of no frame any more the second time. */
  #result(result) {
    const frame = this.#frames.get(result.frame_id);
    if (!frame) return;
    this.#frames.delete(result.frame_id);
    const now = performance.now();
    const age = now - frame.capturedAt;
    if (this.#holdUps.returned(now - frame.sentAt - (result.timing?.total_us ?? 0) / 1000, now)) this.#plan.lossesShow();
    const meta = { ...frame.meta, latencyUs: Math.max(0, Math.round(age * 1000)) };
    if (result.type !== "ERROR") this.#on.picture(frame.canvas, result, meta, result.frame_id < this.#newest);
    this.#newest = Math.max(this.#newest, result.frame_id);
    this.#on.age(age);
    this.#spare.push(frame.canvas);
    this.#window.returned(now - frame.sentAt, now);
  }

  /** Sends a text, bytes, or an object as JSON over the channel. Whether it went. */
  #tell(message) {
    if (this.#link.channel.readyState !== "open") return false;
    const isPlain = typeof message === "string" || message instanceof Uint8Array;
    this.#link.channel.send(isPlain ? message : JSON.stringify(message));
    return true;
  }
}

// This device's camera as a client: opened, streamed while it gives frames, and closed again.

import { eachFrame, openCamera, release, stayAwake, words } from "./device.js";
import { Refusal, connect, sleep, unless } from "./link.js";
import { CameraRefused, Lost, Session } from "./session.js";

/** Seconds without a frame, or in the background, after which the stream ends for other clients. */
const FRAME_TIMEOUT_S = 10;
/** How long a lost connection is opened again, and the pause between attempts, ms. */
const RECONNECT = { time: 30000, pause: 1000 };
/** The reason of an end by the user. */
const STOPPED = new Error("stopped");

export class Camera {
  #token;
  #on;
  #video = document.createElement("video");
  #settings = { facing: "environment", width: 640, quality: 0.8 };
  /** The AbortController of the run, while there is one. Each end of a run aborts it with a reason. */
  #run = null;
  #session = null;
  #isOpening = false;
  #hasFrame = false;

  /**
   * `on` has `picture(canvas, result, meta, isLate)` (`isLate`: after that of a newer frame), `skeleton(skeleton)`, `age(ms)`, `skipped(frames)`,
   * `network({ lanes, parity, lost })` where frames go over lanes (parity in percent of the frames, frames lost on the way), and
   * `state(word, { reason, position })` with "asking", "connecting", "busy" (and the place in the queue),
   * "live", "lost", and at the end "stopped" or "failed" (and the reason).
   */
  constructor(token, on) {
    this.#token = token;
    this.#on = on;
    this.#video.muted = true;
    this.#video.playsInline = true;
  }

  get isRunning() {
    return this.#run !== null;
  }

  /** Changes `width` or `quality`; takes effect with the next frame. */
  set(change) {
    this.#settings = { ...this.#settings, ...change };
  }

  /** Streams until `stop`, or until it cannot any more. */
  async start() {
    if (this.isRunning) return;
    const run = new AbortController();
    const { signal } = run;
    this.#run = run;
    // The camera is closed at once, before the stream's last messages.
    signal.addEventListener("abort", () => this.#close(), { once: true });
    let reason;
    try {
      this.#on.state("asking");
      await this.#open(run);
      eachFrame(this.#video, signal, (capturedAt) => {
        this.#hasFrame = true;
        this.#session?.frame(capturedAt);
      });
      this.#watchFrames(run);
      stayAwake(signal);
      await this.#stream(signal);
    } catch (error) {
      // Old browsers have no reasons.
      reason = signal.aborted ? (signal.reason ?? STOPPED) : error;
    }
    run.abort(STOPPED);
    this.#run = null;
    // Last, because the callback reads isRunning.
    if (reason === STOPPED) this.#on.state("stopped");
    else this.#on.state("failed", { reason: words(reason) });
  }

  stop() {
    this.#run?.abort(STOPPED);
  }

  /** The camera on the device's other side. Does nothing while one is being opened. */
  async flip() {
    if (this.#isOpening) return;
    this.set({ facing: this.#settings.facing === "user" ? "environment" : "user" });
    const run = this.#run;
    if (!run) return;
    // Phones open one camera at a time.
    this.#close();
    try {
      await this.#open(run);
    } catch (error) {
      run.abort(error);
    }
  }

  async #open(run) {
    if (!navigator.mediaDevices) {
      throw new CameraRefused("Browsers give cameras only to pages from this computer or over https.");
    }
    const { signal } = run;
    this.#isOpening = true;
    try {
      const stream = await unless(signal, openCamera(this.#settings.facing, this.#settings.width), release);
      if (signal.aborted) {
        release(stream);
        throw signal.reason;
      }
      for (const track of stream.getTracks()) {
        track.addEventListener("ended", () => run.abort(new CameraRefused("The camera was unplugged or taken away.")));
      }
      this.#video.srcObject = stream;
      await unless(signal, this.#video.play());
    } finally {
      this.#isOpening = false;
    }
  }

  #close() {
    release(this.#video.srcObject);
    this.#video.srcObject = null;
  }

  /** Ends a run in the background, or whose camera gives no frames: browsers stop cameras there. */
  #watchFrames(run) {
    let silent = 0;
    const timer = setInterval(() => {
      const isWell = this.#isOpening || (this.#hasFrame && !document.hidden);
      this.#hasFrame = false;
      silent = isWell ? 0 : silent + 1;
      if (silent < FRAME_TIMEOUT_S) return;
      const hidden = "The page was in the background, where cameras give no pictures.";
      run.abort(new CameraRefused(document.hidden ? hidden : "The camera gives no pictures any more."));
    }, 1000);
    run.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  }

  /** Streams until the run ends; a lost connection is opened again, for the same stream. */
  async #stream(signal) {
    this.#on.state("connecting");
    const random = crypto.getRandomValues(new Uint32Array(4));
    const id = random.reduce((id, part) => id + part.toString(16).padStart(8, "0"), "");
    const stream = { id, next: 0, sent: 0, skipped: 0, lost: 0, dataBytes: 0, parityBytes: 0 };
    let lostAt = null;
    for (;;) {
      try {
        await this.#connection(signal, stream);
      } catch (error) {
        if (error instanceof Lost) lostAt = performance.now();
        const isFinal = error instanceof CameraRefused || (error instanceof Refusal && error.isFinal) || lostAt === null;
        if (signal.aborted || isFinal || performance.now() - lostAt > RECONNECT.time) throw error;
        this.#on.state("lost");
        await unless(signal, sleep(RECONNECT.pause));
      }
    }
  }

  async #connection(signal, stream) {
    const link = await unless(signal, connect("stream", this.#token), ({ peer }) => peer.close());
    try {
      this.#session = new Session(link, this.#video, this.#on, () => this.#settings, stream);
      await this.#session.run(signal);
    } finally {
      this.#session = null;
      link.peer.close();
    }
  }
}

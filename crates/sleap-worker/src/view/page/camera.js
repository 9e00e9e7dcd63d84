// This device's camera as a client: opened, streamed for as long as it gives pictures, and closed again.

import { eachFrame, openCamera, release, stayAwake, words } from "./device.js";
import { WrongLink, connect, sleep, unless } from "./link.js";
import { Lost, Refused, Session } from "./session.js";

/** Seconds without a picture, or out of sight, after which the worker's place is left to others. */
const QUIET = 10;
/** How long a connection that broke is dialled again, and the pause between, ms. */
const REDIAL = { time: 30000, pause: 1000 };
/** The reason of an end that was wished for. */
const STOPPED = new Error("stopped");

export class Camera {
  #token;
  #hears;
  #video = document.createElement("video");
  #settings = { facing: "environment", width: 640, quality: 0.8 };
  /** The run's AbortController, while there is one: whatever ends a run aborts it with a reason. */
  #run = null;
  #session = null;
  #isOpening = false;
  #hasFrame = false;

  /**
   * `hears`: `picture(canvas, answer, meta)`, `skeleton(skeleton)`, `age(ms)`, `skipped(frames)` and
   * `state(word, reason)` with "asking", "connecting", "busy", "live", "lost" and in the end "stopped"
   * or "failed".
   */
  constructor(token, hears) {
    this.#token = token;
    this.#hears = hears;
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
    // The camera's light goes out at once, whatever is still to be said.
    signal.addEventListener("abort", () => this.#close(), { once: true });
    let reason;
    try {
      this.#hears.state("asking");
      await this.#open(run);
      eachFrame(this.#video, signal, (capturedAt) => {
        this.#hasFrame = true;
        this.#session?.frame(capturedAt);
      });
      this.#watch(run);
      stayAwake(signal);
      await this.#stream(signal);
    } catch (error) {
      // Old browsers know no reasons.
      reason = signal.aborted ? (signal.reason ?? STOPPED) : error;
    }
    run.abort(STOPPED);
    this.#run = null;
    // Last: who hears it may ask at once whether the camera is running.
    if (reason === STOPPED) this.#hears.state("stopped");
    else this.#hears.state("failed", words(reason));
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
      throw new Refused("Browsers give cameras only to pages from this computer or over https.");
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
        track.addEventListener("ended", () => run.abort(new Refused("The camera was unplugged or taken away.")));
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

  /** Ends a run that nobody sees, or whose camera is silent: a phone call, a page in the background. */
  #watch(run) {
    let quiet = 0;
    const look = setInterval(() => {
      const isWell = this.#isOpening || (this.#hasFrame && !document.hidden);
      this.#hasFrame = false;
      quiet = isWell ? 0 : quiet + 1;
      if (quiet < QUIET) return;
      const hidden = "The page was in the background, where cameras give no pictures.";
      run.abort(new Refused(document.hidden ? hidden : "The camera gives no pictures any more."));
    }, 1000);
    run.signal.addEventListener("abort", () => clearInterval(look), { once: true });
  }

  /** Streams until the run ends; a connection that breaks is made anew, for the same stream. */
  async #stream(signal) {
    this.#hears.state("connecting");
    const random = crypto.getRandomValues(new Uint32Array(4));
    const id = random.reduce((id, part) => id + part.toString(16).padStart(8, "0"), "");
    const stream = { id, next: 0, skipped: 0 };
    let lostAt = null;
    for (;;) {
      try {
        await this.#connection(signal, stream);
      } catch (error) {
        if (error instanceof Lost) lostAt = performance.now();
        const isFinal = error instanceof Refused || error instanceof WrongLink || lostAt === null;
        if (signal.aborted || isFinal || performance.now() - lostAt > REDIAL.time) throw error;
        this.#hears.state("lost");
        await unless(signal, sleep(REDIAL.pause));
      }
    }
  }

  async #connection(signal, stream) {
    const link = await unless(signal, connect("stream", this.#token), ({ peer }) => peer.close());
    try {
      this.#session = new Session(link, this.#video, this.#hears, () => this.#settings, stream);
      await this.#session.run(signal);
    } finally {
      this.#session = null;
      link.peer.close();
    }
  }
}

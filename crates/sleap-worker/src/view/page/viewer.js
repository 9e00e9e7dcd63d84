// Looking on: asks the worker for pictures and shows each with the poses of that very frame.

import { keep, silence } from "./link.js";
import { Reader } from "./wire.js";

const ANSWERS = ["PREDICTION", "FRAME_RECEIVED", "ERROR"];

export class Viewer {
  #hears;
  #channel = null;
  #wish = { width: 640, fps: 10, quality: 70 };
  /** The worker gave this page's place to another, which is looked at. */
  #isDismissed = false;
  #onWish = () => {};

  /**
   * `hears`: what to do with `picture(bitmap, answer)`, `status(status)` and `state(word, reason)`: what
   * `keep` says, and "dismissed" for a page that comes back when it is looked at.
   */
  constructor(token, hears) {
    this.#hears = hears;
    keep("view", token, {
      serve: (link) => this.#serve(link),
      state: (word, reason) => hears.state(word === "lost" && this.#isDismissed ? "dismissed" : word, reason),
      wanted: () => this.#wanted(),
    });
  }

  /** Changes what is asked for: `width`, `fps` or `quality`. */
  ask(change) {
    this.#wish = { ...this.#wish, ...change };
    this.#tell({ type: "VIEW", ...this.#wish });
    this.#onWish();
  }

  async #wanted() {
    while (this.#isDismissed && this.#wish.fps === 0) {
      await new Promise((resolve) => (this.#onWish = resolve));
    }
    this.#isDismissed = false;
  }

  /** Resolves, with a reason, where the worker has gone without a word or sends this page away. */
  #serve(link) {
    const { channel } = link;
    this.#channel = channel;
    const reader = new Reader();
    let frame = null;
    return new Promise((over) => {
      channel.addEventListener("message", ({ data }) => {
        const { frame: whole, json } = reader.push(data);
        if (whole) frame = whole;
        if (json?.type === "STATUS") this.#hears.status(json);
        if (json?.type === "ERROR" && (json.frame_id ?? null) === null) {
          this.#isDismissed = true;
          over(json.message);
        } else if (ANSWERS.includes(json?.type)) {
          this.#picture(frame, json);
          frame = null;
        }
      });
      // From the first word on there is one every second.
      channel.addEventListener("message", () => silence(link).then(() => over("the worker is not heard any more")), { once: true });
      this.ask({});
    });
  }

  async #picture(frame, answer) {
    if (frame) {
      try {
        const bitmap = await createImageBitmap(new Blob([frame.bytes], { type: "image/jpeg" }));
        this.#hears.picture(bitmap, answer, frame.meta);
        bitmap.close();
      } catch (error) {
        console.debug("a picture cannot be shown", error);
      }
    }
    // Whatever came of it: the worker waits for this before it sends the next one. The frame's own
    // number as it was written: those of 64 bits do not go through JSON.parse unharmed.
    const id = frame?.meta.frameId ?? answer.frame_id;
    this.#say(`{"type":"FRAME_RECEIVED","frame_id":${id}}`);
  }

  #tell(message) {
    this.#say(JSON.stringify(message));
  }

  #say(text) {
    if (this.#channel?.readyState === "open") this.#channel.send(text);
  }
}

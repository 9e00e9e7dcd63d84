// Looking on: asks the worker for pictures and shows each with the poses of that very frame.

import { keep } from "./link.js";
import { Reader } from "./wire.js";

const ANSWERS = ["PREDICTION", "FRAME_RECEIVED", "ERROR"];

export class Viewer {
  /** `hears`: what to do with `picture(bitmap, answer)`, `status(status)` and `state(word, reason)`. */
  constructor(token, hears) {
    this.#hears = hears;
    keep("view", token, (link) => this.#serve(link), hears.state);
  }

  #hears;
  #channel = null;
  #wish = { width: 640, fps: 10, quality: 70 };

  /** Changes what is asked for: `width`, `fps` or `quality`. */
  ask(change) {
    this.#wish = { ...this.#wish, ...change };
    this.#tell({ type: "VIEW", ...this.#wish });
  }

  #serve({ channel }) {
    this.#channel = channel;
    const reader = new Reader();
    let frame = null;
    channel.addEventListener("message", ({ data }) => {
      const { frame: whole, json } = reader.push(data);
      if (whole) frame = whole;
      if (json?.type === "STATUS") this.#hears.status(json);
      if (ANSWERS.includes(json?.type)) {
        this.#picture(frame, json);
        frame = null;
      }
    });
    this.ask({});
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
    // Whatever came of it: the worker waits for this before it sends the next one.
    this.#tell({ type: "FRAME_RECEIVED", frame_id: answer.frame_id });
  }

  #tell(message) {
    if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(message));
  }
}

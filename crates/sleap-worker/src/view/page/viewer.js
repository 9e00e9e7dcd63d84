// Watching: asks the worker for pictures, and shows each with the poses of the same frame.

import { keep, silence } from "./link.js";
import { Reader } from "./wire.js";

const RULES = ["ZONES", "RULES", "ZONE_RESULT"];
const RESULTS = ["PREDICTION", "FRAME_RECEIVED", "ERROR"];

export class Viewer {
  #on;
  #channel = null;
  #request = { width: 640, fps: 10, quality: 70, grid: false, stream: undefined };
  /** The worker gave this page's place to a viewer that asks for pictures. */
  #isEvicted = false;
  #onRequest = () => {};

  /**
   * `on` has `picture(bitmap, result, meta, stream)`, `status(status)`, `rules(message)` for what is about rules, and `state(word, reason)`: the words of
   * `keep`, and "evicted" for a page that comes back when it is visible.
   */
  constructor(token, on) {
    this.#on = on;
    keep("view", token, {
      serve: (link) => this.#serve(link),
      state: (word, reason) => on.state(word === "lost" && this.#isEvicted ? "evicted" : word, reason),
      wanted: () => this.#wanted(),
    });
  }

  /** Changes what is asked for: `width`, `fps`, `quality`, the `stream` or the whole `grid`. */
  ask(change) {
    this.#request = { ...this.#request, ...change };
    this.#sendJson({ type: "VIEW", ...this.#request });
    this.#onRequest();
  }

  /** Gives a track of the stream a name; an empty one takes it away. */
  name(track, name) {
    this.#sendJson({ type: "TRACK_NAMES", names: { [track]: name } });
  }

  /** Sends a message; false without a connection. */
  tell(message) {
    const isOpen = this.#channel?.readyState === "open";
    if (isOpen) this.#sendJson(message);
    return isOpen;
  }

  async #wanted() {
    while (this.#isEvicted && this.#request.fps === 0) {
      await new Promise((resolve) => (this.#onRequest = resolve));
    }
    this.#isEvicted = false;
  }

  /** Resolves, with a reason, when the worker is silent or closes this page's connection. */
  #serve(link) {
    const { channel } = link;
    this.#channel = channel;
    const reader = new Reader();
    let frame = null;
    let stream = "";
    return new Promise((over) => {
      channel.addEventListener("message", ({ data }) => {
        const { frame: complete, json } = reader.push(data);
        if (complete) frame = complete;
        if (json?.type === "PICTURE") stream = json.stream;
        if (json?.type === "STATUS") this.#on.status(json);
        if (RULES.includes(json?.type)) this.#on.rules(json);
        if (json?.type === "ERROR" && (json.frame_id ?? null) === null) {
          this.#isEvicted = true;
          over(json.message);
        } else if (RESULTS.includes(json?.type)) {
          this.#picture(frame, json, stream);
          frame = null;
        }
      });
      // From the first message on there is one every second.
      channel.addEventListener("message", () => silence(link).then(() => over("The worker is silent.")), { once: true });
      this.ask({});
    });
  }

  async #picture(frame, result, stream) {
    if (frame) {
      try {
        const bitmap = await createImageBitmap(new Blob([frame.bytes], { type: "image/jpeg" }));
        this.#on.picture(bitmap, result, frame.meta, stream);
        bitmap.close();
      } catch (error) {
        console.debug("a picture cannot be shown", error);
      }
    }
    // Also after a failure: the worker waits for this before it sends the next picture. The number comes
    // from the frame's announcement, because JSON.parse changes numbers of 64 bits.
    const id = frame?.meta.frameId ?? result.frame_id;
    this.#send(`{"type":"FRAME_RECEIVED","frame_id":${id}}`);
  }

  #sendJson(message) {
    this.#send(JSON.stringify(message));
  }

  #send(text) {
    if (this.#channel?.readyState === "open") this.#channel.send(text);
  }
}

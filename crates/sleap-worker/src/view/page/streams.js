// The list of streams beside a picture, where several run at a time: which one is shown, and the choice of another.

import { $ } from "./dom.js";

export class StreamList {
  #choose;
  /** Lines by the names of their streams: a line that is being clicked stays. */
  #lines = new Map();

  /** `choose(name)` shows a stream. */
  constructor(choose) {
    this.#choose = choose;
  }

  /** Shows the streams of a status. */
  show(streams = []) {
    $("streams-card").hidden = streams.length < 2;
    $("streams-note").textContent = `${streams.length} at a time`;
    const names = new Set(streams.map(({ name }) => name));
    for (const [name, line] of this.#lines) {
      if (names.has(name)) continue;
      line.remove();
      this.#lines.delete(name);
    }
    for (const stream of streams) this.#line(stream);
  }

  #line({ name, shown, frames, frames_dropped: failed, fps }) {
    const line = this.#lines.get(name) ?? this.#add(name);
    const [choice, rate] = line.children;
    choice.setAttribute("aria-pressed", shown);
    rate.textContent = `${fps.toFixed(1)}/s`;
    line.title = `${frames.toLocaleString("en")} frames, ${failed.toLocaleString("en")} failed`;
  }

  #add(name) {
    const line = document.createElement("li");
    const choice = Object.assign(document.createElement("button"), { type: "button", className: "name", textContent: name });
    choice.addEventListener("click", () => this.#choose(name));
    line.append(choice, document.createElement("b"));
    this.#lines.set(name, line);
    $("streams").append(line);
    return line;
  }
}

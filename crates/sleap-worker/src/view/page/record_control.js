// The buttons of a recording: begin, end and save, save again after a failure, or discard.

import { $ } from "./dom.js";
import { PoseRecorder } from "./pose_recorder.js";

export class RecordControl {
  #recorder;
  #changed;
  /** "off", "on", "saving" or "unsaved". */
  #state = "off";
  #status = null;
  /** This device's camera streams to a model. */
  #isCamera = false;

  /** `changed` is called with the number of poses that are kept, `null` for no recording. */
  constructor(token, changed) {
    this.#recorder = new PoseRecorder(token);
    this.#changed = changed;
    $("record").addEventListener("click", () => this.#click());
    $("discard").addEventListener("click", () => this.#discard());
    addEventListener("beforeunload", (event) => {
      if (this.#recorder.count) event.preventDefault();
    });
  }

  /** What runs at the worker: names and sizes of the source come from here. */
  setStatus(status) {
    this.#status = status;
    this.#show();
  }

  /** Whether this device's camera streams to a model. */
  setCamera(isCamera) {
    this.#isCamera = isCamera;
    this.#show();
  }

  /** Keeps a result that the page shows. */
  add(result, meta) {
    if (this.#state !== "on") return;
    const source = this.#source(meta);
    if (this.#recorder.count === null) this.#recorder.start(source);
    const end = this.#recorder.add(result, meta, source);
    this.#changed(this.#recorder.count);
    if (end) this.end(end);
  }

  /** Whether a recording runs. */
  get isOn() {
    return this.#state === "on";
  }

  /** Ends and saves a recording that runs. */
  end(reason) {
    if (this.#state === "on") this.#save(reason);
  }

  /** The source of what is shown: this device's camera, or the worker's stream. */
  #source(meta) {
    if (meta.source) return meta.source;
    const { source_name, source_width, source_height, width, height } = this.#status?.stream ?? {};
    return {
      source_name: source_name ?? "stream",
      width: source_width || width || meta.width,
      height: source_height || height || meta.height,
      fps: null,
    };
  }

  #click() {
    if (this.#state === "off") this.#set("on");
    else if (this.#state === "on" || this.#state === "unsaved") this.#save();
  }

  #discard() {
    this.#recorder.discard();
    this.#problem("");
    this.#set("off");
  }

  async #save(reason) {
    if (!this.#recorder.count) return this.#discard();
    this.#set("saving");
    try {
      await this.#recorder.save($("format").value.slice(1));
      this.#problem(reason ? `The recording was saved: ${reason}.` : "", true);
      this.#set("off");
    } catch (error) {
      // Browsers differ in what they call a server that is not there.
      const why = error instanceof TypeError ? "The worker is not reachable." : error.message;
      this.#problem(`The recording is not saved: ${why}\nIt is kept in this page. Save it again, or discard it.`);
      this.#set("unsaved");
    }
  }

  #problem(words, isNote = false) {
    $("problem").textContent = words;
    $("problem").classList.toggle("note", isNote);
    $("problem").hidden = !words;
  }

  #set(state) {
    this.#state = state;
    this.#show();
    this.#changed(state === "off" ? null : (this.#recorder.count ?? 0));
  }

  #show() {
    const words = { off: "Record poses", on: "Stop and save", saving: "Saving", unsaved: "Save again" };
    const canRecord = this.#isCamera || Boolean(this.#status?.model && this.#status.stream);
    $("record").textContent = words[this.#state];
    $("record").setAttribute("aria-pressed", this.#state === "on");
    $("record").disabled = this.#state === "saving" || (this.#state === "off" && !canRecord);
    $("format").disabled = this.#state === "saving";
    $("discard").hidden = this.#state !== "unsaved";
  }
}

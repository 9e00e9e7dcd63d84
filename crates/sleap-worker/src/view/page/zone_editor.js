// Zones of rules, drawn with the mouse or a finger: corners are set and moved, named, and sent to the side whose rules they are.

import { $ } from "./dom.js";

/** Corners that a rules file takes at most. */
const MAX_CORNERS = 1024;
/** Distance from the pointer at which a handle is taken, CSS pixels. */
const HANDLE_RADIUS = 18;
/** How long the answer may take, ms. */
const ANSWER_MS = 10000;
const PROGRAMS = { worker: "sleap-worker", client: "sleap-stream" };
const NEW = "new";

export class ZoneEditor {
  #overlay;
  #zones;
  #send;
  /** The zone that is drawn, in pixels of the source: `at`, `name`, `kind`, `corners`, `circle`. */
  #draft = null;
  /** What is being moved: the index of a corner, "middle" or "radius". */
  #moving = null;
  /** The number of the change that waits for its answer. */
  #waiting = null;

  /** `send(message)` sends to the worker; false without a connection. */
  constructor(overlay, zones, send) {
    this.#overlay = overlay;
    this.#zones = zones;
    this.#send = send;
    overlay.addEventListener("pointerdown", (event) => this.#down(event));
    overlay.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) overlay.addEventListener(kind, () => (this.#moving = null));
    $("zone-draw").addEventListener("click", () => (this.#draft ? this.#close() : this.#open()));
    $("zone-which").addEventListener("change", () => this.#choose());
    $("zone-kind").addEventListener("change", () => this.#begin($("zone-kind").value));
    $("zone-undo").addEventListener("click", () => this.#undo());
    $("zone-cancel").addEventListener("click", () => this.#close());
    $("zone-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
  }

  /** Shows the button where there are rules; `canEdit`: this page's link may change them. */
  offer(canEdit) {
    $("zone-draw").hidden = !canEdit || this.#zones.sides.length === 0;
    if ($("zone-draw").hidden) this.#close();
  }

  /** Takes the answer to a change. */
  answer({ id, refused }) {
    if (id !== this.#waiting) return;
    this.#waiting = null;
    $("zone-save").disabled = false;
    if (refused) this.#note(refused, true);
    else this.#close(`The zone ${this.#draft.name} is saved.`);
  }

  #open() {
    const sides = this.#zones.sides;
    const editable = sides.filter(({ editable }) => editable);
    if (editable.length === 0) {
      const words = sides.map(({ at }) => `${PROGRAMS[at]} with --rules-editable`).join(" or ");
      $("zone-note").hidden = false;
      return this.#note(`These rules cannot be changed from here. Start ${words}.`, true);
    }
    const option = (value, textContent) => Object.assign(document.createElement("option"), { value: JSON.stringify(value), textContent });
    const where = (at) => (editable.length > 1 ? ` (${at})` : "");
    const known = editable.flatMap(({ at, zones }) => zones.map(({ name }) => option([at, name], name + where(at))));
    const fresh = editable.map(({ at }) => option([at, NEW, true], `new zone${where(at)}`));
    $("zone-which").replaceChildren(...known, ...fresh);
    $("zone-draw").setAttribute("aria-pressed", true);
    $("zone-form").hidden = false;
    document.body.classList.add("drawing");
    this.#choose();
  }

  #close(words = "") {
    this.#draft = null;
    this.#moving = null;
    this.#waiting = null;
    $("zone-save").disabled = false;
    $("zone-draw").setAttribute("aria-pressed", false);
    $("zone-form").hidden = true;
    document.body.classList.remove("drawing");
    this.#note(words);
    this.#zones.draft = null;
  }

  /** Another zone is to be drawn: one that is there begins with its corners. */
  #choose() {
    const [at, name, isNew] = JSON.parse($("zone-which").value);
    const zone = isNew ? null : this.#zones.find(at, name);
    $("zone-name").hidden = !isNew;
    $("zone-name").value = "";
    this.#draft = { at, name, isNew, kind: zone?.circle ? "circle" : "polygon", corners: zone?.polygon?.map((corner) => [...corner]) ?? [], circle: zone?.circle ? [...zone.circle] : null };
    $("zone-kind").value = this.#draft.kind;
    this.#changed();
    this.#hint();
  }

  /** Begins anew with another form. */
  #begin(kind) {
    Object.assign(this.#draft, { kind, corners: [], circle: null });
    this.#changed();
    this.#hint();
  }

  #undo() {
    this.#draft.corners.pop();
    this.#draft.circle = null;
    this.#changed();
  }

  #hint() {
    const hints = { polygon: "Click corner after corner. Drag a corner to move it.", circle: "Press in the middle and drag to the border." };
    this.#note(hints[this.#draft.kind]);
  }

  #down(event) {
    if (!this.#draft) return;
    event.preventDefault();
    this.#overlay.setPointerCapture?.(event.pointerId);
    const point = this.#zones.sourcePoint(event, this.#overlay);
    if (!point) return;
    const draft = this.#draft;
    this.#moving = this.#handle(event);
    if (this.#moving !== null) return;
    if (draft.kind === "circle") {
      draft.circle = [...point, 0];
      this.#moving = "radius";
    } else if (draft.corners.length < MAX_CORNERS) {
      draft.corners.push(point);
      this.#moving = draft.corners.length - 1;
    }
    this.#changed();
  }

  #move(event) {
    if (!this.#draft || this.#moving === null) return;
    const point = this.#zones.sourcePoint(event, this.#overlay);
    if (!point) return;
    const { corners, circle } = this.#draft;
    if (this.#moving === "radius") circle[2] = round(Math.hypot(point[0] - circle[0], point[1] - circle[1]));
    else if (this.#moving === "middle") circle.splice(0, 2, ...point);
    else corners[this.#moving] = point;
    this.#changed();
  }

  /** The handle under the pointer. */
  #handle(event) {
    const { circle, corners } = this.#draft;
    const handles = circle ? [["middle", circle], ["radius", [circle[0] + circle[2], circle[1]]]] : [...corners.entries()];
    const box = this.#overlay.getBoundingClientRect();
    const distance = ([, point]) => {
      const [x, y] = this.#zones.screenPoint(point, box);
      return Math.hypot(x - event.clientX, y - event.clientY);
    };
    const near = handles.map((handle) => [handle[0], distance(handle)]).sort(([, one], [, other]) => one - other)[0];
    return near && near[1] <= HANDLE_RADIUS ? near[0] : null;
  }

  #save() {
    const draft = this.#draft;
    if (draft.isNew) draft.name = $("zone-name").value.trim();
    if (!draft.name) return this.#note("Give the zone a name.", true);
    if (draft.kind === "polygon" && draft.corners.length < 3) return this.#note("A zone has three corners or more: click them in the picture.", true);
    if (draft.kind === "circle" && !draft.circle) return this.#note("Press in the middle of the circle and drag to its border.", true);
    const shape = draft.kind === "circle" ? { circle: draft.circle } : { polygon: draft.corners };
    const [id] = crypto.getRandomValues(new Uint32Array(1));
    if (!this.#send({ type: "ZONE_EDIT", at: draft.at, id, name: draft.name, ...shape })) return this.#note("The worker is not reachable.", true);
    this.#waiting = id;
    $("zone-save").disabled = true;
    this.#note("Saving …");
    setTimeout(() => this.answer({ id, refused: "There was no answer: the stream may have ended. Try again." }), ANSWER_MS);
  }

  #changed() {
    this.#zones.draft = this.#draft;
  }

  #note(words, isProblem = false) {
    $("zone-note").textContent = words;
    $("zone-note").hidden = !words;
    $("zone-note").classList.toggle("note", !isProblem);
  }
}

const round = (value) => Math.round(value * 10) / 10;

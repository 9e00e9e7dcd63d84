// Names of tracks: what the worker knows, what is typed in here, and the field for it.

/** Characters of a name; the worker takes no more. */
const MAX_CHARS = 40;
/** How long a name that was typed in is shown without the worker's word for it, ms. */
const PENDING_MS = 3000;

export class TrackNames {
  #names = new Map();
  /** Names that were sent and that the worker has not shown yet: by track, the name and when it was sent. */
  #pending = new Map();
  #send;
  #changed;
  /** The track that is being named. */
  #editing = null;

  /** `send(track, name)` sends a name to the worker; `null` where this page may not. `changed` is called when a name
   * is another one, and when its field is closed. */
  constructor(send, changed) {
    this.#send = send;
    this.#changed = changed;
  }

  /** Whether a name is being typed in: its field must stay. */
  get isEditing() {
    return this.#editing !== null;
  }

  /** Takes the names over that the worker shows. */
  update(names = {}) {
    this.#names = new Map(Object.entries(names));
    for (const [track, { name, at }] of this.#pending) {
      if ((this.#names.get(track) ?? "") === name || performance.now() - at > PENDING_MS) this.#pending.delete(track);
    }
  }

  /** Another stream is shown: names of the one before are not those of its tracks. */
  clear() {
    this.#names.clear();
    this.#pending.clear();
  }

  /** The name that a track was given; `undefined` where it has none. */
  given(track) {
    return (this.#pending.get(track)?.name ?? this.#names.get(track)) || undefined;
  }

  /** What a track is called. */
  of(track) {
    return this.given(track) ?? track;
  }

  /** The result with the names that its tracks were given, for recordings. */
  apply(result) {
    const names = (result.tracks ?? []).map((track) => (track === null ? null : (this.given(track) ?? null)));
    return names.some((name) => name !== null) ? { ...result, names } : result;
  }

  /** What stands for a track in a list: its name, which can be changed where this page may do so. */
  element(track) {
    if (!this.#send) return Object.assign(document.createElement("span"), { textContent: this.of(track) });
    const button = Object.assign(document.createElement("button"), { type: "button", className: "name", textContent: this.of(track) });
    button.title = "Give this animal a name";
    button.dataset.track = track;
    button.addEventListener("click", () => this.#edit(track, button));
    return button;
  }

  #edit(track, button) {
    this.#editing = track;
    const field = Object.assign(document.createElement("input"), {
      className: "name", maxLength: MAX_CHARS, value: this.given(track) ?? "", placeholder: track, autocomplete: "off", enterKeyHint: "done",
    });
    field.setAttribute("aria-label", `Name of ${track}`);
    const close = (isTaken) => {
      if (this.#editing === null) return;
      const name = field.value.trim();
      if (isTaken && !this.#isFree(track, name)) {
        field.setCustomValidity("Another animal has this name.");
        field.reportValidity();
        return;
      }
      this.#editing = null;
      if (isTaken && name !== (this.given(track) ?? "")) {
        this.#pending.set(track, { name, at: performance.now() });
        this.#send(track, name);
      }
      this.#changed();
    };
    field.addEventListener("input", () => field.setCustomValidity(""));
    field.addEventListener("keydown", ({ key }) => {
      if (key === "Enter") close(true);
      if (key === "Escape") close(false);
    });
    // A name that cannot be had is given up with its field.
    field.addEventListener("blur", () => close(this.#isFree(track, field.value.trim())));
    button.replaceWith(field);
    field.focus();
    field.select();
  }

  #isFree(track, name) {
    if (name === track) return true;
    if (/^track_\d+$/.test(name)) return false;
    const others = new Set([...this.#names.keys(), ...this.#pending.keys()]);
    others.delete(track);
    return !name || [...others].every((other) => this.given(other) !== name);
  }
}

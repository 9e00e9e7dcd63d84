// Which of several streams the page shows: all of them in a grid, or the one that was chosen.

export class StreamChoice {
  #changed;
  #names = [];
  /** It stays chosen while it is away: a client that reconnects comes back under its name. */
  #chosen = null;

  /** `changed` is called when something else is to be shown. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Takes the streams of a status. `isBusy`: the one that is shown is worked with, and is not left for another that joins. */
  update(streams = [], isBusy) {
    const names = streams.map(({ name }) => name);
    this.#change(() => {
      if (isBusy && this.stream && names.includes(this.stream)) this.#chosen = this.stream;
      this.#names = names;
    });
  }

  /** Whether all streams are shown. */
  get isGrid() {
    return this.hasGrid && this.stream === undefined;
  }

  /** Whether there is a grid to go back to. */
  get hasGrid() {
    return this.#names.length > 1;
  }

  /** The one stream that is shown; `undefined` for all of them, and where there is none. */
  get stream() {
    if (this.#names.length === 1) return this.#names[0];
    return this.#names.includes(this.#chosen) ? this.#chosen : undefined;
  }

  choose(name) {
    this.#change(() => (this.#chosen = name));
  }

  /** Chooses by place, from 1. */
  chooseNumber(number) {
    if (this.hasGrid && this.#names.length >= number) this.choose(this.#names[number - 1]);
  }

  /** Back to all streams. */
  back() {
    this.choose(null);
  }

  /** A stream that ends, or begins where there was none, takes no other's place. */
  #change(change) {
    const [wasGrid, before] = [this.isGrid, this.stream];
    change();
    const isOther = before !== undefined && this.stream !== undefined && before !== this.stream;
    if (wasGrid !== this.isGrid || isOther) this.#changed();
  }
}

// Keeps lanes open: those that end, or do not open, are replaced.

/** First and longest pause before the next attempt, ms. Lanes that fail together share one. */
const PAUSE_MS = [500, 30000];
/** A lane that lasted so long was a good one, ms. */
const GOOD_LANE_MS = 10000;

export class LaneKeeper {
  #open;
  #wanted;
  /** Lanes that are open or on their way. */
  #running = 0;
  #pause = PAUSE_MS[0];
  #due = 0;
  #timer = null;
  #isOver = false;
  /** The lanes that are open. */
  lanes = new Set();
  /** Is called when a lane has opened or ended. */
  #onChange;

  /** `open()` opens a lane. */
  constructor(open, wanted, onChange) {
    this.#open = open;
    this.#wanted = wanted;
    this.#onChange = onChange;
    this.#fill();
  }

  /** How many lanes there should be. */
  get wanted() {
    return this.#wanted;
  }

  set wanted(lanes) {
    this.#wanted = lanes;
    this.#fill();
  }

  /** Closes all lanes, and opens no others. */
  close() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const lane of this.lanes) lane.close();
    this.lanes.clear();
  }

  #fill() {
    clearTimeout(this.#timer);
    if (this.#isOver || this.#running >= this.#wanted) return;
    const wait = this.#due - performance.now();
    if (wait > 0) {
      this.#timer = setTimeout(() => this.#fill(), wait);
      return;
    }
    while (this.#running < this.#wanted) this.#one();
  }

  async #one() {
    this.#running += 1;
    try {
      const lane = await this.#open();
      if (this.#isOver) return lane.close();
      const since = performance.now();
      this.lanes.add(lane);
      this.#onChange();
      await lane.ended;
      this.lanes.delete(lane);
      lane.close();
      if (performance.now() - since >= GOOD_LANE_MS) this.#pause = PAUSE_MS[0];
    } catch (error) {
      console.debug("a lane is not open", error);
    } finally {
      this.#running -= 1;
    }
    if (this.#isOver) return;
    const now = performance.now();
    if (this.#due <= now) {
      this.#due = now + this.#pause;
      this.#pause = Math.min(this.#pause * 2, PAUSE_MS[1]);
    }
    this.#onChange();
    this.#fill();
  }
}

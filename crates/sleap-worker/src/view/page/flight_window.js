// How many frames may be in flight: as many as fill the path, and fewer where the worker is busy.

/** Frames in flight: at the start, and at most; over lanes, where the path is long, more of them. */
const WINDOW = { first: 2, most: 6, mostOverLanes: 12 };
/** Results in a row after which one more frame may be in flight. */
const RESULTS_PER_STEP = 20;
/** A shortest time is forgotten after one to two of these, ms, since paths change. */
const SHORTEST_MS = 30000;
/** Results over which the time from one to the next is averaged, about. */
const BETWEEN_OF = 16;
/** A longer time than this, ms, is that of an outage. */
const LONGEST_BETWEEN_MS = 200;
/** What a frame takes beside the round trip, ms, before that is known. */
const STEPS_MS = 60;

export class FlightWindow {
  #size = WINDOW.first;
  #resultsInRow = 0;
  /** Over lanes: the shortest time from sending a frame to its result, of one to two windows. */
  #shortest = null;
  #between = null;
  #last = null;

  /** Frames go over lanes from now on; both times are in ms. */
  overLanes(roundTrip, interval) {
    if (this.#shortest) return;
    this.#between = interval;
    this.#shortest = { since: performance.now(), current: roundTrip + STEPS_MS, before: Infinity };
    this.#size = Math.max(this.#size, this.#path);
  }

  /** How many frames may be in flight. More than fill the path would only wait in a queue of it. */
  get size() {
    return this.#shortest ? Math.min(this.#size, this.#path) : this.#size;
  }

  get #most() {
    return this.#shortest ? WINDOW.mostOverLanes : WINDOW.most;
  }

  /** Frames that fill the path, one that is being sent, and one since times vary. */
  get #path() {
    const { current, before } = this.#shortest;
    return Math.min(WINDOW.mostOverLanes, Math.ceil(Math.min(current, before) / this.#between) + 2);
  }

  /** A result came, so long after its frame was sent. Those without a BACKPRESSURE between them show that one more frame can be in flight. */
  returned(time, now) {
    if (this.#shortest) this.#note(time, now);
    if (++this.#resultsInRow < RESULTS_PER_STEP || this.#size >= this.#most) return;
    this.#size += 1;
    this.#resultsInRow = 0;
  }

  #note(time, now) {
    const shortest = this.#shortest;
    if (now - shortest.since > SHORTEST_MS) Object.assign(shortest, { since: now, before: shortest.current, current: Infinity });
    shortest.current = Math.min(shortest.current, time);
    const between = Math.min(now - (this.#last ?? now - this.#between), LONGEST_BETWEEN_MS);
    this.#between += (between - this.#between) / BETWEEN_OF;
    this.#last = now;
  }

  /** The worker's queues are full. */
  narrow() {
    this.#size = Math.max(1, this.size - 1);
    this.#resultsInRow = 0;
  }
}

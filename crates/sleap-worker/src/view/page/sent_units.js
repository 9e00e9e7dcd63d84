// The frames that were sent in shards and are not known to have arrived.

import { ParityChooser } from "./parity.js";
import { maxParity } from "./shard_blocks.js";

/** Units that are remembered at most. */
const MAX_UNITS = 1024;
/** Parity shards before this many ms have passed: nothing is known of losses yet. */
const FIRST_PARITY = [[1000, 6], [3000, 2]];

export class SentUnits {
  #chooser;
  #begun = null;
  /** The number of the first unit that is remembered. */
  #first = 0;
  /** The frame of each unit; `null` where it has arrived or is lost. */
  #frames = [];

  constructor(now) {
    this.#chooser = new ParityChooser(now);
  }

  /** Share of the shards that are lost, at present. */
  get loss() {
    return this.#chooser.loss;
  }

  /** Parity shards for each block of a unit of so many data shards. */
  parity(dataShards, now) {
    this.#begun ??= now;
    const [, least] = FIRST_PARITY.find(([until]) => now - this.#begun < until) ?? [0, 0];
    return Math.max(this.#chooser.parity(dataShards, now), Math.min(least, maxParity(dataShards)));
  }

  /** The next unit is this frame. */
  push(frameId) {
    this.#frames.push(frameId);
    if (this.#frames.length > MAX_UNITS) this.#forgetFirst();
  }

  /** Takes the worker's report, and returns the frames that it has lost. What was never sent is ignored. */
  reported({ closed = 0, sent = 0, arrived = 0, worst = 0, lost = [] }, now) {
    this.#chooser.report({ sent, arrived, worst }, now);
    const frames = [];
    for (const [first, count] of lost) {
      // A run may begin before the first unit that is remembered.
      const begin = this.#place(first);
      for (let at = Math.max(0, begin); at < Math.min(begin + count, this.#frames.length); at += 1) {
        if (this.#frames[at] !== null) frames.push(this.#frames[at]);
        this.#frames[at] = null;
      }
    }
    const end = this.#place(closed);
    if (end <= this.#frames.length) for (let at = 0; at < end; at += 1) this.#frames[at] = null;
    while (this.#frames[0] === null) this.#forgetFirst();
    return frames;
  }

  #place(unit) {
    return (unit - this.#first) | 0;
  }

  #forgetFirst() {
    this.#frames.shift();
    this.#first = (this.#first + 1) >>> 0;
  }
}

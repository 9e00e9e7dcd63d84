// From shards back to units, in whatever order they arrive.

import { ReceivedUnit } from "./received_unit.js";
import { maxParity } from "./shard_blocks.js";

/** The number of the first unit, beyond 32 bits: lower ones are late. */
const FIRST = 2 ** 32;
/** A unit so far ahead of the newest one is none of this sender's. */
const MAX_AHEAD = 65536;
/** Units and bytes that are kept at most. */
const MAX_UNITS = 256;
const MAX_BYTES = 4 << 20;
/** So long after a newer unit is whole one that is not is given up, and so long shards of a closed unit are counted, ms. */
const PATIENCE_MS = 30;
const COUNTED_MS = 200;

/**
 * Puts units together. Each is given out at most once, and only with the content that was sent. The newest come first:
 * none waits for an older one, which is given up when its time is over.
 */
export class ShardCollector {
  #units = new Map();
  /** All units below are given out or lost. */
  #floor = FIRST;
  #newest = FIRST;
  #counts = { sent: 0, arrived: 0, worst: 0 };
  /** Runs of lost units, `[number, count]`, that `takeLost` was not asked for yet. */
  #lost = [];

  /** Takes a shard that arrived at `now`, ms. Returns the unit that it completes, `{ number, text, data }`, or `null`. */
  push(shard, now) {
    this.expire(now);
    const unit = this.#take(shard, now);
    this.#makeRoom(now);
    return unit;
  }

  /** Gives up the units whose time is over. */
  expire(now) {
    let whole = 0;
    for (const [number, unit] of this.#units) {
      if (number >= this.#floor && unit.isWhole && now - unit.closedAt >= PATIENCE_MS) whole = Math.max(whole, number);
    }
    if (whole > 0) this.#raiseFloor(whole, now);
    for (const [number, unit] of this.#units) {
      if (number < this.#floor && now - unit.closedAt >= COUNTED_MS) this.#forget(number, unit);
    }
  }

  /** When `expire` has something to do, if no shard comes before. */
  get deadline() {
    let deadline = Infinity;
    for (const [number, unit] of this.#units) {
      const isOpen = number >= this.#floor;
      if (isOpen && !unit.isWhole) continue;
      deadline = Math.min(deadline, unit.closedAt + (isOpen ? PATIENCE_MS : COUNTED_MS));
    }
    return deadline;
  }

  /** All units before this one have arrived or are lost. */
  get closed() {
    return this.#floor % FIRST;
  }

  get heldUnits() {
    return this.#units.size;
  }

  /** Whether all units before `unit` have arrived or are lost; one that is too far ahead is not waited for. */
  hasClosed(unit) {
    const number = this.#numberOf(unit);
    return number === null || number <= this.#floor;
  }

  /** No unit before `unit` is waited for any more: those that are not whole are lost. */
  closeBefore(unit, now) {
    const number = this.#numberOf(unit);
    if (number === null || number <= this.#floor) return;
    this.#raiseFloor(number - 1, now);
    if (this.#floor < number) {
      this.#lose(this.#floor, number - this.#floor);
      this.#floor = number;
      this.#newest = Math.max(this.#newest, number);
      this.#passClosed();
    }
  }

  /** Shards of units that were closed since the last call: `{ sent, arrived, worst }`. */
  takeCounts() {
    const counts = this.#counts;
    this.#counts = { sent: 0, arrived: 0, worst: 0 };
    return counts;
  }

  /** Runs of units that are lost since the last call, `[number, count]`. */
  takeLost() {
    return this.#lost.splice(0);
  }

  #take(shard, now) {
    const number = this.#numberOf(shard.unit);
    if (number === null) return null;
    let received = this.#units.get(number);
    if (!received) {
      received = number >= this.#floor ? ReceivedUnit.of(shard) : null;
      if (!received) return null;
      this.#units.set(number, received);
    }
    this.#newest = Math.max(this.#newest, number);
    const isComplete = received.push(shard);
    const unit = isComplete ? received.complete(now) : null;
    if (isComplete && !unit) this.#lose(number, 1);
    this.#passClosed();
    return unit && { number: shard.unit, ...unit };
  }

  /** The number beyond 32 bits: the one nearest to the newest. `null`: it is too far ahead, or before the first. */
  #numberOf(unit) {
    const number = this.#newest + ((unit - this.#newest) | 0);
    return number >= this.#newest + MAX_AHEAD ? null : number;
  }

  #lose(number, count) {
    this.#lost.push([number % FIRST, count]);
  }

  #forget(number, { blocks, arrived }) {
    this.#units.delete(number);
    this.#count(blocks, 1, arrived);
    const lost = Math.ceil((blocks.total - arrived) / blocks.count);
    // Losses that parity can make good.
    if (lost <= maxParity(blocks.dataOf(0))) this.#counts.worst = Math.max(this.#counts.worst, lost);
  }

  #count(blocks, units, arrived) {
    this.#counts.sent += blocks.total * units;
    this.#counts.arrived += arrived;
  }

  /** Goes past the units that are closed, as long as none is missing. */
  #passClosed() {
    while (this.#units.get(this.#floor)?.isReceiving === false) this.#floor += 1;
  }

  /** Closes all units up to `number`, and loses those that are not whole. */
  #raiseFloor(number, now) {
    let next = this.#floor;
    const known = [...this.#units.keys()].filter((unit) => unit >= this.#floor && unit <= number);
    for (const unit of known.sort((a, b) => a - b)) {
      const received = this.#units.get(unit);
      if (unit > next) {
        this.#lose(next, unit - next);
        this.#count(received.blocks, unit - next, 0);
      }
      if (received.isReceiving) {
        received.giveUp(now);
        this.#lose(unit, 1);
      }
      next = unit + 1;
    }
    this.#floor = next;
    this.#passClosed();
  }

  /** Keeps to the bounds, at the expense of the oldest units. */
  #makeRoom(now) {
    let bytes = 0;
    for (const unit of this.#units.values()) bytes += unit.heldBytes;
    if (bytes <= MAX_BYTES && this.#units.size <= MAX_UNITS) return;
    for (const number of [...this.#units.keys()].sort((a, b) => a - b)) {
      if (bytes <= MAX_BYTES && this.#units.size <= MAX_UNITS) return;
      const unit = this.#units.get(number);
      bytes -= unit.heldBytes;
      if (number >= this.#floor) this.#raiseFloor(number, now);
      this.#forget(number, unit);
    }
  }
}

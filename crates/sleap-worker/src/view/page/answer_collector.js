// The receiving side of the lanes: answers from their shards, and reports to the worker about what came.

import { ShardCollector } from "./shard_collector.js";
import { readShard } from "./shard_wire.js";

/** How soon a report follows on shards, and on the report before where units are lost, ms. */
const REPORT_MS = 250;
const LOSS_MS = 20;
/** How long shards may come after the worker has said how many units there were, ms. */
const LATE_MS = 200;
/** Runs of lost units in one report, and those that are kept. */
const MAX_RUNS = 256;
const MAX_KEPT_RUNS = 4096;

export class AnswerCollector {
  #collector = new ShardCollector();
  #answer;
  #tell;
  #timer = null;
  #counts = { sent: 0, arrived: 0, worst: 0 };
  #lost = [];
  /** When the first shard came that no report is about; `null`: there is none. */
  #since = null;
  #lastReport = -Infinity;
  /** All units before this one were reported. */
  #closed = 0;
  /** All units before `unit` are over at `until`. */
  #wait = null;

  /** `answer(text)` takes an answer, `tell(message)` sends one over the channel and says whether it went. */
  constructor(answer, tell) {
    this.#answer = answer;
    this.#tell = tell;
  }

  /** Takes a message of a lane; what is no shard is ignored. */
  take(data) {
    const shard = typeof data === "string" ? null : readShard(new Uint8Array(data));
    if (!shard) return;
    const now = performance.now();
    this.#since ??= now;
    const unit = this.#collector.push(shard, now);
    // An answer has no data.
    if (unit?.data.length === 0) this.#answer(unit.text);
    this.#check();
  }

  /** The worker has sent the units before this one. */
  counted(unit) {
    if (!this.#collector.hasClosed(unit)) this.#wait = { unit, until: performance.now() + LATE_MS };
    this.#check();
  }

  close() {
    clearTimeout(this.#timer);
    this.#tell = () => false;
  }

  /** Does what is due, and comes back when there is more. */
  #check() {
    const now = performance.now();
    this.#collector.expire(now);
    if (this.#wait && (this.#wait.until <= now || this.#collector.hasClosed(this.#wait.unit))) {
      this.#since ??= now;
      this.#collector.closeBefore(this.#wait.unit, now);
      this.#wait = null;
    }
    this.#lost.push(...this.#collector.takeLost());
    this.#lost.splice(MAX_KEPT_RUNS);
    if (this.#reportAt() <= now) this.#report(now);
    clearTimeout(this.#timer);
    const due = Math.min(this.#collector.deadline, this.#wait?.until ?? Infinity, this.#reportAt());
    if (due < Infinity) this.#timer = setTimeout(() => this.#check(), Math.max(1, due - now));
  }

  #reportAt() {
    if (this.#since === null) return Infinity;
    return this.#lost.length === 0 ? this.#since + REPORT_MS : this.#lastReport + LOSS_MS;
  }

  #report(now) {
    const { sent, arrived, worst } = this.#collector.takeCounts();
    const counts = this.#counts;
    Object.assign(counts, { sent: counts.sent + sent, arrived: counts.arrived + arrived, worst: Math.max(counts.worst, worst) });
    const lost = this.#lost.slice(0, MAX_RUNS);
    this.#lastReport = now;
    // What is lost is told before it is closed.
    if (lost.length === this.#lost.length) this.#closed = this.#collector.closed;
    this.#since = null;
    if (!this.#tell({ type: "SHARD_REPORT", closed: this.#closed, ...counts, lost })) return;
    this.#counts = { sent: 0, arrived: 0, worst: 0 };
    this.#lost.splice(0, MAX_RUNS);
    // Shards of closed units are still counted for a while.
    if (this.#collector.heldUnits > 0 || this.#lost.length > 0) this.#since = now;
  }
}

// The sending side of the lanes: frames in shards, each shard over the lane where the fewest bytes wait.

import { sleep } from "./link.js";
import { SentUnits } from "./sent_units.js";
import { ShardEncoder, dataShards } from "./shard_encoder.js";
import { MAX_CONTENT_BYTES, content } from "./shard_wire.js";

/** So long after the last unit the worker is told how many there were, ms: nothing else tells that the last is lost. */
const LAST_UNIT_MS = 100;
/** Where more is lost, a queue on the way is full: of shards that come a few at a time it drops few of one frame. */
const QUEUE_LOSS = 0.08;
const SHARDS_AT_ONCE = 4;
const BETWEEN_SHARDS_MS = 2;

export class ShardDealer {
  #lanes;
  #tell;
  #encoder = new ShardEncoder();
  #sent = new SentUnits(performance.now());
  #turn = 0;
  #lastBytes = 0;
  /** The timer after which the worker is told how many units there were; `null`: it was told. */
  #count = null;
  /** Bytes of shards of frames, and of the parity beside them; they outlive a connection. */
  #totals;

  /** `lanes()` are those that are open; `tell(text)` sends a text over the channel. */
  constructor(lanes, tell, totals) {
    this.#lanes = lanes;
    this.#tell = tell;
    this.#totals = totals;
  }

  /** Share of the shards that are lost, at present. */
  get loss() {
    return this.#sent.loss;
  }

  /** Whether a frame may be sent: where one waits as a whole the network is the bottleneck, and a newer frame is worth more. */
  get hasRoom() {
    const now = performance.now();
    const moving = [...this.#lanes()].filter((lane) => !lane.isStalled(now));
    const waiting = moving.reduce((bytes, lane) => bytes + lane.buffered, 0);
    return moving.some((lane) => lane.hasRoom) && waiting <= this.#lastBytes;
  }

  /** Sends a frame; false: the channel has to take it. Not all of its shards need arrive, nor leave. */
  async send(frameId, announcement, bytes) {
    const unit = content(announcement, bytes);
    if (unit.length > MAX_CONTENT_BYTES) return false;
    const data = dataShards(unit.length);
    const messages = this.#encoder.encode(unit, this.#sent.parity(data, performance.now()));
    if (!messages) return false;
    this.#sent.push(frameId);
    this.#lastBytes = messages.length * messages[0].length;
    this.#countSoon();
    const isPaced = this.loss > QUEUE_LOSS;
    for (const [index, message] of messages.entries()) {
      if (!this.#deal(message)) break;
      this.#totals[index < data ? "dataBytes" : "parityBytes"] += message.length;
      if (isPaced && index % SHARDS_AT_ONCE === SHARDS_AT_ONCE - 1) await sleep(BETWEEN_SHARDS_MS);
    }
    this.#countSoon();
    return true;
  }

  /** Takes the worker's report, and returns the frames that are lost. */
  reported(report) {
    return this.#sent.reported(report, performance.now());
  }

  /** Says how many units there were, where the worker does not know: before a message that keeps its place. */
  settle() {
    if (this.#count === null) return;
    clearTimeout(this.#count);
    this.#count = null;
    this.#tell(`SHARDS_SENT::${this.#encoder.next}`);
  }

  close() {
    clearTimeout(this.#count);
  }

  #countSoon() {
    clearTimeout(this.#count);
    this.#count = setTimeout(() => this.settle(), LAST_UNIT_MS);
  }

  /** Gives one shard to a lane; false: none has room. */
  #deal(message) {
    const now = performance.now();
    const ranked = [...this.#lanes()].filter((lane) => lane.hasRoom).map((lane) => [lane.isStalled(now), lane.buffered, lane.turn, lane]);
    ranked.sort(([a, b, c], [x, y, z]) => a - x || b - y || c - z);
    for (const [, , , lane] of ranked) {
      if (!lane.send(message)) continue;
      lane.turn = ++this.#turn;
      return true;
    }
    return false;
  }
}

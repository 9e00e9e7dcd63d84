// One unit on its way, at the receiver.

import { ShardBlocks, range } from "./shard_blocks.js";
import { KnownShards } from "./shard_code.js";
import { readContent } from "./shard_wire.js";

/** Larger units are not taken: the page receives answers in shards, and their texts have a limit. */
const MAX_BYTES = 1 << 20;

export class ReceivedUnit {
  #first;
  #seen;
  /** The shards that are kept, by their indices; `null` once the unit is closed: what still comes is counted, not kept. */
  #shards = new Map();
  /** Shards that each block lacks. */
  #lacking;
  blocks;
  arrived = 0;
  isWhole = false;
  /** When it became whole or was given up; `null` before. */
  closedAt = null;

  constructor(shard, blocks) {
    this.#first = shard;
    this.blocks = blocks;
    this.#seen = new Uint8Array(blocks.total);
    this.#lacking = range(0, blocks.count).map((block) => blocks.dataOf(block));
  }

  /** The unit of its first shard; `null`: it is over the bounds. */
  static of(shard) {
    const blocks = shard.contentBytes <= MAX_BYTES ? ShardBlocks.of(shard.contentBytes, shard.payload.length, shard.parity) : null;
    return blocks && new ReceivedUnit(shard, blocks);
  }

  get isReceiving() {
    return this.closedAt === null;
  }

  /** Bytes that are kept. */
  get heldBytes() {
    return this.#shards ? this.#shards.size * this.#first.payload.length : 0;
  }

  /** Takes a shard. Whether it completes the unit. */
  push(shard) {
    const { index, parity, contentBytes, payload } = shard;
    const first = this.#first;
    const fits = parity === first.parity && contentBytes === first.contentBytes && payload.length === first.payload.length;
    if (!fits || index >= this.blocks.total || this.#seen[index]) return false;
    this.#seen[index] = 1;
    this.arrived += 1;
    if (!this.isReceiving) return false;
    const block = this.blocks.blockOf(index);
    if (this.#lacking[block] > 0) {
      this.#lacking[block] -= 1;
      this.#shards.set(index, payload);
    }
    return this.#lacking.every((lacking) => lacking === 0);
  }

  /** Lets go what arrived: too much is missing. */
  giveUp(now) {
    this.closedAt = now;
    this.#shards = null;
  }

  /** What is in the unit, once a shard completes it: `{ text, data }`; `null`: its shards do not give what was sent. */
  complete(now) {
    const unit = readContent(this.#first.unit, this.#assemble());
    this.isWhole = unit !== null;
    this.giveUp(now);
    return unit;
  }

  #assemble() {
    const { blocks } = this;
    const { payload, contentBytes } = this.#first;
    const content = new Uint8Array(blocks.data * payload.length);
    const slot = (index) => content.subarray(index * payload.length, (index + 1) * payload.length);
    for (const [index, shard] of this.#shards) if (index < blocks.data) slot(index).set(shard);
    for (let block = 0; block < blocks.count; block += 1) {
      const shardAt = (place) => this.#shards.get(blocks.index(block, place));
      const data = blocks.dataOf(block);
      const lost = range(0, data).filter((place) => !shardAt(place));
      if (lost.length === 0) continue;
      const places = range(0, data + blocks.parity).filter((place) => shardAt(place));
      const known = new KnownShards(places, places.map(shardAt));
      for (const place of lost) known.valueAt(place, slot(blocks.index(block, place)));
    }
    return content.subarray(0, contentBytes);
  }
}

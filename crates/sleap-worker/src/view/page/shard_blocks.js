// How a unit's shards are dealt over blocks, each of which is coded by itself.

/** Most data shards of a block, most parity shards of one, and most data shards of a unit. */
export const MAX_BLOCK_DATA = 128;
export const MAX_BLOCK_PARITY = 127;
export const MAX_DATA = 16384;

/** Parity shards that a block with so many data shards should have at most: two fifths of them, and small blocks are repeated up to twice. */
export const maxParity = (dataShards) => Math.max(2, Math.ceil((Math.min(dataShards, MAX_BLOCK_DATA) * 2) / 5));

/**
 * The shards of one unit: first the data shards, then the parity shards. Both are dealt over the blocks in turn, so that
 * packets lost in a row are those of different blocks.
 */
export class ShardBlocks {
  constructor(data, parity) {
    this.data = data;
    this.parity = parity;
    this.count = Math.ceil(data / MAX_BLOCK_DATA);
    this.total = data + this.count * parity;
  }

  /** The blocks of a content of so many bytes; `null`: there is no content, or there are more shards than are allowed. */
  static of(contentBytes, shardBytes, parity) {
    const data = Math.ceil(contentBytes / shardBytes);
    return data >= 1 && data <= MAX_DATA && parity <= MAX_BLOCK_PARITY ? new ShardBlocks(data, parity) : null;
  }

  /** Data shards of one block. */
  dataOf(block) {
    return Math.floor(this.data / this.count) + (block < this.data % this.count ? 1 : 0);
  }

  /** The block of the shard with this index. */
  blockOf(index) {
    return (index < this.data ? index : index - this.data) % this.count;
  }

  /** The index of the shard at a place of a block: data shards from 0 on, and behind them the parity shards. */
  index(block, place) {
    const parity = place - this.dataOf(block);
    return (parity < 0 ? place * this.count : this.data + parity * this.count) + block;
  }
}

/** The numbers from `first` to before `end`. */
export const range = (first, end) => Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at);

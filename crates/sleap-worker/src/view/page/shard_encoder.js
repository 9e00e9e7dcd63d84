// From a unit to its shards.

import { MAX_BLOCK_PARITY, ShardBlocks, range } from "./shard_blocks.js";
import { KnownShards } from "./shard_code.js";
import { HEADER_BYTES, MAX_CONTENT_BYTES, MESSAGE_BYTES, seal, writeHeader } from "./shard_wire.js";

const SHARD_BYTES = MESSAGE_BYTES - HEADER_BYTES;

/** Data shards that a content of so many bytes is cut into. */
export const dataShards = (contentBytes) => Math.ceil(contentBytes / SHARD_BYTES);

/** Cuts the units of one direction into shards, and numbers them. */
export class ShardEncoder {
  /** The number of the unit that is encoded next. */
  next;

  constructor(next = 0) {
    this.next = next;
  }

  /**
   * The shards of a unit with `parity` parity shards for each of its blocks, as messages in the order in which they are to be
   * sent. Its content is sealed. `null`: it has more bytes than shards can carry.
   */
  encode(content, parity) {
    const contentBytes = content.length;
    // As few shards as possible, all of one length, with little to fill up.
    const shardBytes = Math.ceil(contentBytes / dataShards(contentBytes));
    const blocks = contentBytes <= MAX_CONTENT_BYTES ? ShardBlocks.of(contentBytes, shardBytes, Math.min(parity, MAX_BLOCK_PARITY)) : null;
    if (!blocks) return null;
    const unit = this.next;
    this.next = (this.next + 1) >>> 0;
    seal(unit, content);
    const length = HEADER_BYTES + shardBytes;
    const buffer = new Uint8Array(blocks.total * length);
    const messages = range(0, blocks.total).map((index) => {
      const message = buffer.subarray(index * length, (index + 1) * length);
      writeHeader(message, { unit, index, parity: blocks.parity, contentBytes });
      if (index < blocks.data) message.set(content.subarray(index * shardBytes, (index + 1) * shardBytes), HEADER_BYTES);
      return message;
    });
    if (blocks.parity > 0) addParity(messages, blocks);
    return messages;
  }
}

function addParity(messages, blocks) {
  const payload = (block, place) => messages[blocks.index(block, place)].subarray(HEADER_BYTES);
  for (let block = 0; block < blocks.count; block += 1) {
    const places = range(0, blocks.dataOf(block));
    const known = new KnownShards(places, places.map((place) => payload(block, place)));
    for (let at = 0; at < blocks.parity; at += 1) {
      const place = places.length + at;
      known.valueAt(place, payload(block, place));
    }
  }
}

// Units and shards as they stand on the wire; crates/protocol/README.md, "Shards", is their specification.

import { crc32 } from "./crc32.js";

/** Bytes of a shard's message that fit one packet of each path, and most that a receiver takes. */
export const MESSAGE_BYTES = 1160;
const MAX_MESSAGE_BYTES = 49152;
/** Bytes of the header of a shard, and of what stands before the text of a unit. */
export const HEADER_BYTES = 11;
const HEAD_BYTES = 8;
const MAGIC = 0xf5;

/** Bytes of the largest unit that goes in shards. */
export const MAX_CONTENT_BYTES = 2 ** 24 - 1;

const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The content of a unit, as yet without its checksum. */
export function content(text, data = new Uint8Array()) {
  const encoded = new TextEncoder().encode(text);
  const bytes = new Uint8Array(HEAD_BYTES + encoded.length + data.length);
  view(bytes).setUint32(4, encoded.length);
  bytes.set(encoded, HEAD_BYTES);
  bytes.set(data, HEAD_BYTES + encoded.length);
  return bytes;
}

/** The checksum of the unit with this number. */
function checksum(number, content) {
  const counted = new Uint8Array(4);
  view(counted).setUint32(0, number);
  return crc32(counted, content.subarray(4));
}

/** Writes the checksum of the unit with this number into its content. */
export function seal(number, content) {
  view(content).setUint32(0, checksum(number, content));
}

/** `{ text, data }` of a unit's content; `null`: it is not what was sent. */
export function readContent(number, content) {
  if (content.length < HEAD_BYTES || view(content).getUint32(0) !== checksum(number, content)) return null;
  const end = HEAD_BYTES + view(content).getUint32(4);
  if (end > content.length) return null;
  return { text: new TextDecoder().decode(content.subarray(HEAD_BYTES, end)), data: content.subarray(end) };
}

/** Writes a shard's header. */
export function writeHeader(message, { unit, index, parity, contentBytes }) {
  const header = view(message);
  header.setUint8(0, MAGIC);
  header.setUint8(1, parity);
  header.setUint32(2, unit);
  header.setUint16(6, index);
  header.setUint8(8, contentBytes >>> 16);
  header.setUint16(9, contentBytes & 0xffff);
}

/** The shard of a message: `{ unit, index, parity, contentBytes, payload }`; `null`: it is none. */
export function readShard(message) {
  const { length } = message;
  if (length <= HEADER_BYTES || length > MAX_MESSAGE_BYTES || message[0] !== MAGIC) return null;
  const header = view(message);
  const contentBytes = header.getUint8(8) * 65536 + header.getUint16(9);
  const payload = message.subarray(HEADER_BYTES);
  return { unit: header.getUint32(2), index: header.getUint16(6), parity: header.getUint8(1), contentBytes, payload };
}

// CRC-32 as zlib has it, over several pieces.

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The checksum of these bytes, one array after the other. */
export function crc32(...pieces) {
  let sum = 0xffffffff;
  for (const bytes of pieces) {
    for (let at = 0; at < bytes.length; at += 1) sum = TABLE[(sum ^ bytes[at]) & 0xff] ^ (sum >>> 8);
  }
  return ~sum >>> 0;
}

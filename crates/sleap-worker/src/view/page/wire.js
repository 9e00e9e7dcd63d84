// The wire protocol, as far as a page speaks it: crates/protocol/README.md is its specification.

export const CHUNK_BYTES = 65536;
export const KEEP_ALIVE = new TextEncoder().encode("KEEP_ALIVE");

const FRAME_META = "FRAME_META::";
const FRAME_END = "FRAME_END::";
/** Larger frames are not for a page. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** The messages of a JPEG frame, in their order. */
export function* frameMessages({ frameId, height, width, capturedUs }, bytes) {
  yield `${FRAME_META}${frameId}:${height}:${width}:3:jpeg:${bytes.byteLength}:${capturedUs}`;
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
  yield `${FRAME_END}${frameId}`;
}

/**
 * Puts frames together again. What does not fit together is left out as a whole, like a reassembler
 * of the protocol does it.
 */
export class Reader {
  #open = null;

  /**
   * Takes a message. Returns `{ frame: { meta, bytes } }`, `{ json }`, or nothing where there is
   * nothing whole yet.
   */
  push(data) {
    if (typeof data !== "string") return this.#chunk(new Uint8Array(data));
    if (data.startsWith("{")) return parse(data);
    if (data.startsWith(FRAME_META)) this.#begin(data.slice(FRAME_META.length).split(":"));
    if (data.startsWith(FRAME_END)) return this.#end(data.slice(FRAME_END.length));
    return {};
  }

  #begin([id, height, width, , dtype, nbytes]) {
    const size = Number(nbytes);
    const fits = dtype === "jpeg" && size > 0 && size <= MAX_FRAME_BYTES;
    const meta = { frameId: id, height: Number(height), width: Number(width) };
    this.#open = fits ? { meta, bytes: new Uint8Array(size), filled: 0 } : null;
  }

  #chunk(chunk) {
    const open = this.#open;
    if (!open || String.fromCharCode(...chunk.subarray(0, 10)) === "KEEP_ALIVE") return {};
    if (open.filled + chunk.length > open.bytes.length) {
      this.#open = null;
    } else {
      open.bytes.set(chunk, open.filled);
      open.filled += chunk.length;
    }
    return {};
  }

  #end(id) {
    const open = this.#open;
    this.#open = null;
    const whole = open && open.meta.frameId === id && open.filled === open.bytes.length;
    return whole ? { frame: { meta: open.meta, bytes: open.bytes } } : {};
  }
}

function parse(text) {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return {};
  }
}

// The part of the wire protocol that the page uses; crates/protocol/README.md is its specification.

export const CHUNK_BYTES = 65536;
export const KEEP_ALIVE = new TextEncoder().encode("KEEP_ALIVE");

const FRAME_META = "FRAME_META::";
const FRAME_END = "FRAME_END::";
/** Larger frames are not shown. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** The announcement of a JPEG frame. */
export const announcement = ({ frameId, height, width, capturedUs }, bytes) =>
  `${FRAME_META}${frameId}:${height}:${width}:3:jpeg:${bytes.byteLength}:${capturedUs}`;

/** The messages of a JPEG frame, in their order. */
export function* frameMessages(meta, bytes) {
  yield announcement(meta, bytes);
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
  yield `${FRAME_END}${meta.frameId}`;
}

/**
 * Puts frames together. A frame whose parts do not fit is left out as a whole, as by the protocol's
 * reassembler.
 */
export class Reader {
  #open = null;

  /**
   * Takes a message. Returns `{ frame: { meta, bytes } }`, `{ json }`, or an empty object while no frame is
   * complete.
   */
  push(data) {
    if (typeof data !== "string") return this.#chunk(new Uint8Array(data));
    if (data.startsWith("{")) return parse(data);
    if (data.startsWith(FRAME_META)) this.#begin(data.slice(FRAME_META.length).split(":"));
    if (data.startsWith(FRAME_END)) return this.#end(data.slice(FRAME_END.length));
    return {};
  }

  #begin([id, height, width, , dtype, nbytes, capturedUs, clock]) {
    const size = Number(nbytes);
    const fits = dtype === "jpeg" && size > 0 && size <= MAX_FRAME_BYTES;
    const meta = { frameId: id, height: Number(height), width: Number(width), capturedUs, clock };
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
    const isComplete = open && open.meta.frameId === id && open.filled === open.bytes.length;
    return isComplete ? { frame: { meta: open.meta, bytes: open.bytes } } : {};
  }
}

function parse(text) {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return {};
  }
}

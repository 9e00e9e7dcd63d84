// Colours that stay apart from each other and visible on light and dark fur: those of the worker's window
// (crates/vision/src/draw/palette.rs), which a test holds together with these.

const COLORS = [
  "#00b0ff", "#ff8200", "#32e66e", "#f046dc", "#ffe600", "#ff3c3c",
  "#28e6e6", "#ff8cb4", "#78a028", "#6e50ff", "#ffd28c", "#b4ffbe",
];
/** Of an animal without a track where others have one. */
const UNTRACKED = "#c8c8c8";
/** Names that are no numbered tracks and have a colour of their own. */
const MAX_NAMES = 256;

/** Colours of instances: those of their tracks, where animals are told apart. */
export class Colors {
  #names = new Map();

  /** The colour of the instance at `index` of a result. */
  of(index, { tracks }) {
    if (!tracks?.length) return COLORS[index % COLORS.length];
    return typeof tracks[index] === "string" ? this.ofTrack(tracks[index]) : UNTRACKED;
  }

  /** The colour of a track: its number's; identities of a model have theirs in the order in which they come. */
  ofTrack(track) {
    const number = /^track_(0|[1-9]\d{0,9})$/.exec(track)?.[1];
    if (number === undefined && !this.#names.has(track) && this.#names.size < MAX_NAMES) this.#names.set(track, this.#names.size);
    return COLORS[(number === undefined ? (this.#names.get(track) ?? 0) : Number(number)) % COLORS.length];
  }
}

/** The colour of a node where there is one instance. */
export const nodeColor = (node) => COLORS[node % COLORS.length];

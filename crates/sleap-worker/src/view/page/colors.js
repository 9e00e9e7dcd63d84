// Colours that stay apart from each other and visible on light and dark fur: those of the worker's window.

const COLORS = [
  "#00b0ff", "#ff8200", "#32e66e", "#f046dc", "#ffe600", "#ff3c3c",
  "#28e6e6", "#ff8cb4", "#78a028", "#6e50ff", "#ffd28c", "#b4ffbe",
];

/** The colour of the instance at `index`; a track keeps its own as long as the page lives. */
export class Colors {
  #tracks = new Map();

  of(index, track) {
    if (track !== null && track !== undefined) {
      if (!this.#tracks.has(track)) this.#tracks.set(track, this.#tracks.size);
      index = this.#tracks.get(track);
    }
    return COLORS[index % COLORS.length];
  }
}

/** The colour of a node where there is one instance. */
export const nodeColor = (node) => COLORS[node % COLORS.length];

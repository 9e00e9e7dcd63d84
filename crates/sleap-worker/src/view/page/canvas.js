// The picture, and the poses over it. Two canvases: the picture has the pixels of the frame, the overlay
// those of the screen, so that lines stay sharp.

import { Colors, nodeColor } from "./colors.js";
import { score } from "./dom.js";
import { centroid, drawInstance, instancesOf, label } from "./poses.js";
import { Trails } from "./trails.js";

/** Largest distance from the pointer to a node that is named, CSS pixels. */
const POINTER_RADIUS = 28;

export class PoseCanvas {
  #picture;
  #overlay;
  #tip;
  #colors = new Colors();
  #trails = new Trails();
  /** What leaves a trail: a node's index, "centroid", or `null` for nothing. */
  #trailOf = "centroid";
  #nameOf;
  #zones;
  #skeleton = { nodes: [], edges: [] };
  /** What is shown: the result and the size of the picture whose pixels it is in. */
  #shown = null;
  #pointer = null;
  #labels = true;

  /** `nameOf` has the name of a track; `zones` draws those of rules. */
  constructor({ picture, overlay, tip }, nameOf, zones) {
    this.#nameOf = nameOf;
    this.#zones = zones;
    this.#picture = picture;
    this.#overlay = overlay;
    this.#tip = tip;
    new ResizeObserver(() => this.#draw()).observe(overlay);
    for (const kind of ["pointermove", "pointerdown"]) {
      overlay.addEventListener(kind, (event) => this.#point(event));
    }
    overlay.addEventListener("pointerleave", (event) => {
      // The name stays when a finger is lifted, so that it can be read.
      if (event.pointerType === "mouse") this.#point(null);
    });
  }

  set skeleton(skeleton) {
    this.#skeleton = skeleton ?? { nodes: [], edges: [] };
    this.#draw();
  }

  get skeleton() {
    return this.#skeleton;
  }

  set labels(shown) {
    this.#labels = shown;
    this.#draw();
  }

  /** What leaves a trail: a node's index, "centroid", or `null` for nothing. */
  set trailOf(what) {
    this.#trailOf = what;
    this.#trails.clear();
    this.#draw();
  }

  /** Draws again: names or zones are others. */
  redraw() {
    this.#draw();
  }

  /** Shows `image` of `width` x `height` pixels with the instances of `result`. */
  show(image, result, { frameId, width, height }) {
    const picture = this.#picture;
    if (picture.width !== width || picture.height !== height) {
      picture.width = width;
      picture.height = height;
      picture.parentElement.style.setProperty("--ratio", (width / height).toFixed(4));
    }
    picture.getContext("2d").drawImage(image, 0, 0, width, height);
    this.#shown = { result, width, height, at: performance.now() };
    this.#trails.add(this.#shown.at, this.#places());
    this.#draw();
    picture.dataset.frame = frameId;
  }

  /** Another stream is shown: nothing of the one before stays. */
  clear() {
    this.#shown = null;
    this.#trails.clear();
    const { width, height } = this.#picture;
    this.#picture.getContext("2d").clearRect(0, 0, width, height);
    this.#tip.hidden = true;
    this.#draw();
  }

  /** The result that is shown; `undefined` before the first picture. */
  get result() {
    return this.#shown?.result;
  }

  #draw() {
    const overlay = this.#overlay;
    const scale = window.devicePixelRatio || 1;
    const width = Math.round(overlay.clientWidth * scale);
    const height = Math.round(overlay.clientHeight * scale);
    if (overlay.width !== width || overlay.height !== height) {
      overlay.width = width;
      overlay.height = height;
    }
    const context = overlay.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (!this.#shown) return;
    const look = { line: Math.max(2, width / 300), dot: Math.max(3, width / 170), font: 12 * scale };
    const color = (track) => this.#colors.ofTrack(track);
    this.#zones.draw(context, { width, height, ...look });
    this.#trails.draw(context, this.#shown.at, { width, height, line: look.line * 0.9, color });
    for (const instance of this.#instances()) {
      drawInstance(context, instance, this.#skeleton, look);
      if (this.#labels) label(context, { ...instance, name: this.#named(instance.track) }, look);
    }
    this.#name();
  }

  /** The instances that are shown, with their colours; points in the overlay's pixels. */
  get instances() {
    return this.#shown ? this.#instances() : [];
  }

  /** Where trails go on: [track, [x, y]] of each animal, in shares of the picture. */
  #places() {
    const { result, width, height } = this.#shown;
    if (this.#trailOf === null) return [];
    return (result.instances ?? []).flatMap((points, index) => {
      const track = result.tracks?.[index];
      const point = this.#trailOf === "centroid" ? centroid(points) : points[this.#trailOf];
      return typeof track === "string" && point ? [[track, [(point[0] + 0.5) / width, (point[1] + 0.5) / height]]] : [];
    });
  }

  #instances() {
    const { result, width, height } = this.#shown;
    return instancesOf(result, this.#colors, [this.#overlay.width / width, this.#overlay.height / height]);
  }

  #named(track) {
    return track === undefined ? undefined : this.#nameOf(track);
  }

  #point(event) {
    if (!event) {
      this.#pointer = null;
    } else {
      const box = this.#overlay.getBoundingClientRect();
      this.#pointer = [event.clientX - box.left, event.clientY - box.top];
    }
    this.#name();
  }

  /** Names the node under the pointer. */
  #name() {
    const found = this.#pointer && this.#shown && this.#nearest();
    this.#tip.hidden = !found;
    if (!found) return;
    const { instance, node, at } = found;
    const name = this.#skeleton.nodes[node] ?? `node ${node}`;
    this.#tip.textContent = `${name} ${score(instance.confidence[node])}`.trim();
    this.#tip.style.setProperty("--color", instance.isOnly ? nodeColor(node) : instance.color);
    this.#tip.style.left = `${at[0]}px`;
    this.#tip.style.top = `${at[1]}px`;
    // Below the node where there is no room above it.
    this.#tip.classList.toggle("below", at[1] < 40);
  }

  #nearest() {
    const scale = this.#overlay.width / this.#overlay.clientWidth;
    let best = null;
    for (const instance of this.#instances()) {
      instance.points.forEach((point, node) => {
        if (!point) return;
        const at = [point[0] / scale, point[1] / scale];
        const distance = Math.hypot(at[0] - this.#pointer[0], at[1] - this.#pointer[1]);
        if (distance <= (best?.distance ?? POINTER_RADIUS)) best = { instance, node, at, distance };
      });
    }
    return best;
  }
}

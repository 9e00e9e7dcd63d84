// The picture, and the poses over it. Two canvases: the picture has the pixels of the frame, the overlay
// those of the screen, so that lines stay sharp.

import { Colors, nodeColor } from "./colors.js";
import { score } from "./dom.js";
import { Trails } from "./trails.js";

/** Largest distance from the pointer to a node that is named, CSS pixels. */
const POINTER_RADIUS = 28;
const EDGE_OPACITY = 0.85;

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
    const isOnly = this.#isOnly();
    for (const instance of this.#instances()) this.#instance(context, instance, { ...look, isOnly });
    this.#name();
  }

  /** The instances that are shown, with their colours; points in the overlay's pixels. */
  get instances() {
    return this.#shown ? this.#instances() : [];
  }

  /** Nodes have colours of their own, as in the worker's window: there is one animal, and animals are not told apart. */
  #isOnly() {
    const { instances, tracks } = this.#shown.result;
    return instances?.length === 1 && !tracks?.length;
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
    const x = this.#overlay.width / width;
    const y = this.#overlay.height / height;
    return (result.instances ?? []).map((points, index) => ({
      color: this.#colors.of(index, result),
      track: result.tracks?.[index] ?? undefined,
      isOnly: this.#isOnly(),
      mean: mean(result.confidence?.[index] ?? []),
      confidence: result.confidence?.[index] ?? [],
      // (0, 0) is the middle of the first pixel.
      points: points.map((point) => point && [(point[0] + 0.5) * x, (point[1] + 0.5) * y]),
    }));
  }

  #instance(context, instance, { line, dot, font, isOnly }) {
    const { points, color } = instance;
    context.lineCap = "round";
    for (const [width, style] of [[line * 2, "rgb(0 0 0 / 45%)"], [line, color]]) {
      context.lineWidth = width;
      context.strokeStyle = style;
      context.globalAlpha = style === color ? EDGE_OPACITY : 1;
      context.beginPath();
      for (const [from, to] of this.#skeleton.edges ?? []) {
        if (!points[from] || !points[to]) continue;
        context.moveTo(...points[from]);
        context.lineTo(...points[to]);
      }
      context.stroke();
    }
    context.globalAlpha = 1;
    for (const [node, point] of points.entries()) {
      if (!point) continue;
      context.beginPath();
      context.arc(...point, dot, 0, 2 * Math.PI);
      // As in the worker's window: nodes have colours of their own while there is one animal.
      context.fillStyle = isOnly ? nodeColor(node) : color;
      context.fill();
      context.lineWidth = line / 2;
      context.strokeStyle = "rgb(0 0 0 / 70%)";
      context.stroke();
    }
    if (this.#labels) label(context, { ...instance, name: this.#named(instance.track) }, { dot, font });
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
    const isOnly = this.#isOnly();
    this.#tip.style.setProperty("--color", isOnly ? nodeColor(node) : instance.color);
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

/** The mean of the scores of the nodes that were found, 0 to 1; `null` where there is none. */
function mean(scores) {
  const known = scores.filter((score) => typeof score === "number");
  if (known.length === 0) return null;
  return known.reduce((sum, score) => sum + score, 0) / known.length;
}

/** The mean of the points that were found; `null` where there is none. */
function centroid(points) {
  const seen = points.filter(Boolean);
  if (seen.length === 0) return null;
  return [0, 1].map((axis) => seen.reduce((sum, point) => sum + point[axis], 0) / seen.length);
}

/** Name and mean score beside the instance's uppermost node. */
function label(context, { points, color, name, mean }, { dot, font }) {
  const seen = points.filter(Boolean);
  const words = [name, score(mean)].filter(Boolean).join("  ");
  if (!seen.length || !words) return;
  const [x, y] = seen.reduce((top, point) => (point[1] < top[1] ? point : top));
  context.font = `600 ${font}px system-ui, sans-serif`;
  const width = context.measureText(words).width;
  const left = Math.min(Math.max(x - width / 2, font / 2), context.canvas.width - width - font / 2);
  const base = Math.max(y - dot * 2 - font / 2, font * 1.5);
  context.fillStyle = "rgb(10 14 20 / 72%)";
  const box = [left - font / 2, base - font * 1.1, width + font, font * 1.55];
  context.beginPath();
  // Safari 15 has no round corners.
  if (context.roundRect) context.roundRect(...box, font * 0.4);
  else context.rect(...box);
  context.fill();
  context.fillStyle = color;
  context.fillText(words, left, base);
}

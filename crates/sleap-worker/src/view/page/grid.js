// The grid: a small picture of each stream with its poses. One of them can be chosen.

import { Colors } from "./colors.js";
import { $ } from "./dom.js";
import { drawInstance, instancesOf } from "./poses.js";

/** Pictures of each stream a second; the worker may send fewer. */
export const TILE_FPS = 5;
export const TILE_QUALITY = 60;
/** Widths that are asked for are multiples of this, so that viewers share pictures; the worker sends none above the last. */
const WIDTH_STEP = 160;
const MAX_WIDTH = 480;
/** Without a picture for so long, a tile says so, ms. */
const SILENT_MS = 2500;

export class Grid {
  #choose;
  #asked;
  /** Tiles by the names of their streams: a tile that is being clicked stays. */
  #tiles = new Map();
  #skeleton = { nodes: [], edges: [] };
  #width = WIDTH_STEP;

  /** `choose(name)` shows a stream large; `asked` is called when pictures of another width are needed. */
  constructor(choose, asked) {
    this.#choose = choose;
    this.#asked = asked;
    new ResizeObserver(() => this.#measure()).observe($("grid"));
    $("grid").addEventListener("keydown", (event) => this.#move(event));
  }

  /** Width of the pictures that the tiles need, pixels. */
  get width() {
    return this.#width;
  }

  set skeleton(skeleton) {
    this.#skeleton = skeleton ?? { nodes: [], edges: [] };
  }

  /** Shows the streams of a status. `unit`: what they are counted in. */
  show(streams = [], unit) {
    const names = new Set(streams.map(({ name }) => name));
    for (const [name, tile] of this.#tiles) {
      if (names.has(name)) continue;
      tile.button.remove();
      this.#tiles.delete(name);
    }
    streams.forEach((stream, index) => this.#figures(stream, index, unit));
    const columns = Math.ceil(Math.sqrt(streams.length));
    $("grid").style.setProperty("--columns", columns);
    $("grid").style.setProperty("--rows", Math.ceil(streams.length / Math.max(1, columns)));
    $("grid").classList.toggle("few", streams.length < 3);
    this.#measure();
  }

  /** Shows a picture of a stream. */
  picture(name, image, result, { frameId, width, height }) {
    const tile = this.#tiles.get(name);
    if (!tile) return;
    const { picture } = tile;
    if (picture.width !== width || picture.height !== height) Object.assign(picture, { width, height });
    tile.button.style.setProperty("--ratio", (width / height).toFixed(4));
    picture.getContext("2d").drawImage(image, 0, 0, width, height);
    picture.dataset.frame = frameId;
    tile.last = { result, meta: { frameId, width, height }, at: performance.now() };
    this.#age(tile);
    this.#draw(tile);
  }

  /** The last picture of a stream as `{ image, result, meta }`; `undefined` where there is none. */
  last(name) {
    const tile = this.#tiles.get(name);
    return tile?.last && { image: tile.picture, result: tile.last.result, meta: tile.last.meta };
  }

  /** Marks the tiles that have had no picture for long. With `isQuiet` none is expected. */
  tick(isQuiet) {
    for (const tile of this.#tiles.values()) {
      if (isQuiet && tile.last) tile.last.at = performance.now();
      this.#age(tile);
    }
  }

  /** Puts the focus on the tile of a stream. */
  focus(name) {
    this.#tiles.get(name)?.button.focus();
  }

  #figures({ name, source_name: source, is_webcam: isLive, frames, frames_dropped: failed, fps, latency_us: latency }, index, unit) {
    const tile = this.#tiles.get(name) ?? this.#add(name);
    const number = (value) => value.toLocaleString("en");
    const key = index < 9 ? String(index + 1) : "";
    tile.key.textContent = key;
    tile.key.hidden = !key;
    tile.kind.textContent = isLive ? "live" : "file";
    tile.kind.dataset.kind = isLive ? "live" : "file";
    const word = Object.assign(document.createElement("span"), { className: "tile-unit", textContent: ` ${unit}` });
    tile.rate.replaceChildren(fps.toFixed(1), word, "/s");
    tile.latency = latency === undefined ? "" : `${Math.max(1, Math.round(latency / 1000))} ms`;
    tile.button.title = `${source}: ${number(frames)} frames, ${number(failed)} failed`;
    this.#age(tile);
  }

  #age({ last, age, latency, note, button }) {
    const silent = last ? performance.now() - last.at : 0;
    const isSilent = silent > SILENT_MS;
    button.classList.toggle("silent", isSilent);
    note.hidden = Boolean(last) && !isSilent;
    note.textContent = last ? `no picture for ${Math.round(silent / 1000)} s` : "waiting for a picture";
    age.textContent = latency ?? "";
  }

  #add(name) {
    const make = (tag, className, words = "") => Object.assign(document.createElement(tag), { className, textContent: words });
    const button = make("button", "tile");
    button.type = "button";
    button.dataset.stream = name;
    const [screen, line] = [make("span", "tile-screen"), make("span", "tile-line")];
    const frame = make("span", "tile-picture");
    const [picture, overlay, note] = [make("canvas", "tile-canvas"), make("canvas", "tile-canvas"), make("span", "tile-note")];
    const [key, kind, rate, age] = [make("kbd", ""), make("span", "tile-kind"), make("span", "tile-rate"), make("span", "tile-age")];
    // A name may run from right to left.
    const title = make("bdi", "tile-name", name);
    frame.append(picture, overlay);
    screen.append(frame, note);
    line.append(key, title, kind, rate, age);
    button.append(screen, line);
    button.addEventListener("click", () => this.#choose(name));
    const tile = { button, picture, overlay, note, key, kind, rate, age, colors: new Colors(), last: null };
    this.#tiles.set(name, tile);
    $("grid").append(button);
    return tile;
  }

  #draw({ overlay, last: { result, meta }, colors }) {
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [overlay.clientWidth * scale, overlay.clientHeight * scale].map(Math.round);
    if (overlay.width !== width || overlay.height !== height) Object.assign(overlay, { width, height });
    const context = overlay.getContext("2d");
    context.clearRect(0, 0, width, height);
    const look = { line: Math.max(1.5, width / 240), dot: Math.max(2, width / 140) };
    for (const instance of instancesOf(result, colors, [width / meta.width, height / meta.height])) {
      drawInstance(context, instance, this.#skeleton, look);
    }
  }

  /** Arrows go from tile to tile. */
  #move(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const tiles = [...$("grid").children];
    const at = tiles.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    tiles[(at + step + tiles.length) % tiles.length].focus();
  }

  #measure() {
    const [first] = this.#tiles.values();
    const needed = (first?.overlay.clientWidth ?? 0) * (window.devicePixelRatio || 1);
    if (!needed) return;
    for (const tile of this.#tiles.values()) if (tile.last) this.#draw(tile);
    const width = Math.min(MAX_WIDTH, Math.ceil(needed / WIDTH_STEP) * WIDTH_STEP);
    if (width === this.#width) return;
    this.#width = width;
    this.#asked();
  }
}

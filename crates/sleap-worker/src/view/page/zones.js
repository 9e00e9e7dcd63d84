// Rules that act on poses: their zones over the picture, which of them are in effect, and the last events.

import { $, item } from "./dom.js";

/** Events in the list at most. */
const MAX_EVENTS = 20;
const AT_REST = "#ebebeb";
const ACTIVE = "#ffbe28";
const DRAFT = "#5ad1ff";
const ENTER = "#ffbe28";
const LEAVE = "var(--line)";

export class Zones {
  /** By where the rules act: what the worker has told of them. */
  #sides = new Map();
  #changed;
  /** The zone that is being drawn. */
  #draft = null;
  /** Width and height of the source, in whose pixels zones are. */
  #source = null;

  /** `changed` is called when zones are to be drawn again. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Width and height of the source; 0 = unknown. */
  set source(size) {
    if (size?.every((side) => side > 0)) this.#source = size;
  }

  /** Those who have rules that are shown: where, whether their zones can be changed, and the zones. */
  get sides() {
    const sides = [...this.#sides].map(([at, { editable, zones }]) => ({ at, editable, zones }));
    return sides.filter(({ editable, zones }) => editable || zones.length > 0);
  }

  /** Another stream is shown; the worker tells its zones. */
  clear() {
    this.#sides.clear();
    this.#list();
    this.#changed();
  }

  /** The zone of this name. */
  find(at, name) {
    return this.#sides.get(at)?.zones.find((zone) => zone.name === name);
  }

  /** The zone that is being drawn; `null` for none. */
  set draft(draft) {
    this.#draft = draft;
    this.#changed();
  }

  /** Where a pointer is, in pixels of the source; `null` while their number is not known. */
  sourcePoint({ clientX, clientY }, element) {
    if (!this.#source) return null;
    const box = element.getBoundingClientRect();
    const shares = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    return shares.map((share, axis) => Math.round(Math.min(1, Math.max(0, share)) * this.#source[axis] * 10) / 10);
  }

  /** Where a point of the source is on the screen, in an element with this box. */
  screenPoint([x, y], box) {
    return [box.left + (x / this.#source[0]) * box.width, box.top + (y / this.#source[1]) * box.height];
  }

  /** Takes a message of the worker. */
  take(message) {
    const side = this.#sides.get(message.at) ?? { zones: [], editable: false, active: new Set(), events: [] };
    this.#sides.set(message.at, side);
    if (message.type === "ZONES") this.#rename(side, message);
    else Object.assign(side, { active: new Set(message.active), events: message.events });
    this.#list();
    this.#changed();
  }

  /** Takes other zones. Events stay where only shapes are others. */
  #rename(side, { zones, editable = false }) {
    const events = zones.length > 0 || editable ? side.events : [];
    Object.assign(side, { zones, editable, active: new Set(), events });
  }

  /** All zones: name, corners or circle, and whether a rule of theirs is in effect. */
  get #all() {
    return [...this.#sides.values()].flatMap(({ zones, active }) => zones.map((zone, index) => ({ ...zone, isActive: active.has(index) })));
  }

  /** Draws the zones over a picture that is shown in `width` x `height` pixels. */
  draw(context, { width, height, line, font }) {
    if (!this.#source) return;
    const scale = [width / this.#source[0], height / this.#source[1]];
    const all = this.#all.map((zone) => ({ ...zone, path: path(zone, scale) }));
    context.save();
    context.lineJoin = "round";
    for (const { path, isActive } of all) {
      if (isActive) {
        context.fillStyle = "rgb(255 190 40 / 28%)";
        context.fill(path, "evenodd");
      }
      for (const [wide, color] of [[line * 1.7, "rgb(0 0 0 / 55%)"], [line * 0.8, isActive ? ACTIVE : AT_REST]]) {
        context.lineWidth = wide;
        context.strokeStyle = color;
        context.stroke(path);
      }
    }
    const taken = [];
    for (const zone of all) label(context, zone, scale, font, taken);
    if (this.#draft) draw(context, this.#draft, scale, line);
    context.restore();
  }

  /** The card with the events; hidden while there are no rules. */
  #list() {
    const sides = [...this.#sides.values()];
    const events = sides.flatMap(({ events }) => events);
    // Those of both sides, as they happened; the newest first.
    events.sort((one, other) => other.captured_us - one.captured_us || other.frame_id - one.frame_id);
    $("rules-card").hidden = events.length === 0 && sides.every(({ zones }) => zones.length === 0);
    const active = this.#all.filter(({ isActive }) => isActive).map(({ name }) => name);
    $("rules-note").textContent = active.length > 0 ? `active: ${active.join(", ")}` : "";
    const lines = events.slice(0, MAX_EVENTS).map(({ rule, edge, cause, animal, captured_us: at }) => {
      const words = [animal, cause === "condition" ? "" : cause].filter(Boolean).join(", ");
      const line = item(edge === "enter" ? ENTER : LEAVE, [["i"], ["span", rule], ["span", words, "quiet"], ["b", time(at)]]);
      line.title = `${rule}: ${edge}`;
      line.dataset.edge = edge;
      return line;
    });
    $("rule-events").replaceChildren(...lines);
  }
}

/** The border of a zone, in the overlay's pixels. */
function path({ polygon, circle }, [x, y]) {
  const border = new Path2D();
  if (circle) {
    border.ellipse(circle[0] * x, circle[1] * y, circle[2] * x, circle[2] * y, 0, 0, 2 * Math.PI);
  } else {
    for (const [left, top] of polygon) border.lineTo(left * x, top * y);
    border.closePath();
  }
  return border;
}

/** Draws the zone that is being drawn, with handles to move it by. */
function draw(context, { kind, corners, circle }, scale, line) {
  context.setLineDash([line * 3, line * 2]);
  context.lineWidth = line;
  context.strokeStyle = DRAFT;
  if (circle || corners.length > 1) context.stroke(path({ polygon: corners, circle }, scale));
  context.setLineDash([]);
  const handles = kind === "polygon" ? corners : circle ? [circle, [circle[0] + circle[2], circle[1]]] : [];
  for (const [x, y] of handles) {
    context.beginPath();
    context.arc(x * scale[0], y * scale[1], line * 2.2, 0, 2 * Math.PI);
    context.fillStyle = DRAFT;
    context.fill();
    context.strokeStyle = "#000";
    context.lineWidth = line / 2;
    context.stroke();
  }
}

/** The name of a zone at its uppermost corner, inside the picture and over no other name; `taken`: where these are. */
function label(context, { name, polygon, circle, isActive }, [x, y], font, taken) {
  const corners = circle ? [[circle[0], circle[1] - circle[2]]] : polygon;
  const [left, top] = corners.reduce((best, corner) => (corner[1] < best[1] ? corner : best));
  context.font = `600 ${font}px system-ui, sans-serif`;
  const width = context.measureText(name).width;
  const at = Math.min(Math.max(left * x + font * 0.4, font * 0.4), Math.max(font * 0.4, context.canvas.width - width - font * 0.4));
  const base = Math.min(Math.max(top * y + font * 1.4, font * 1.4), context.canvas.height - font * 0.4);
  const wanted = { left: at - font * 0.3, top: base - font, width: width + font * 0.6, height: font * 1.35 };
  const place = freePlace(wanted, taken, context.canvas.height);
  taken.push(place);
  context.fillStyle = "rgb(10 14 20 / 62%)";
  context.fillRect(place.left, place.top, place.width, place.height);
  context.fillStyle = isActive ? ACTIVE : AT_REST;
  context.fillText(name, at, base + place.top - wanted.top);
}

/**
 * The place of a name that lies over no other one: below those in its way, or above them where the picture ends. Where
 * there is none the name stays.
 */
export function freePlace(wanted, taken, height) {
  const moved = (to) => {
    let place = wanted;
    for (let step = 0; step <= taken.length; step += 1) {
      const other = taken.find((one) => overlap(place, one));
      if (!other) break;
      place = { ...place, top: to(other) };
    }
    const isInside = place.top >= 0 && place.top + place.height <= height;
    return place === wanted || isInside ? place : null;
  };
  return moved((other) => other.top + other.height) ?? moved((other) => other.top - wanted.height) ?? wanted;
}

/** Whether two rectangles have more in common than a border. */
function overlap(one, other) {
  const apart = (from, length) => one[from] + one[length] <= other[from] + 1e-6 || other[from] + other[length] <= one[from] + 1e-6;
  return !apart("left", "width") && !apart("top", "height");
}

/** The time of day of a frame's capture; a dash where that is not known. */
function time(us) {
  return us > 0 ? new Date(us / 1000).toLocaleTimeString("en-GB") : "–";
}

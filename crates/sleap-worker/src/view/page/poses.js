// How the instances of a result are drawn.

import { nodeColor } from "./colors.js";
import { score } from "./dom.js";

const EDGE_OPACITY = 0.85;

/** Nodes have colours of their own, as in the worker's window: there is one animal, and animals are not told apart. */
const isOnly = ({ instances, tracks }) => instances?.length === 1 && !tracks?.length;

/** The instances of a result with their colours; points in the pixels of what is `x` and `y` times the picture. */
export function instancesOf(result, colors, [x, y]) {
  return (result.instances ?? []).map((points, index) => ({
    color: colors.of(index, result),
    track: result.tracks?.[index] ?? undefined,
    isOnly: isOnly(result),
    mean: mean(result.confidence?.[index] ?? []),
    confidence: result.confidence?.[index] ?? [],
    // (0, 0) is the middle of the first pixel.
    points: points.map((point) => point && [(point[0] + 0.5) * x, (point[1] + 0.5) * y]),
  }));
}

/** Draws an instance: its edges, and its nodes over them. */
export function drawInstance(context, { points, color, isOnly }, skeleton, { line, dot }) {
  context.lineCap = "round";
  for (const [width, style] of [[line * 2, "rgb(0 0 0 / 45%)"], [line, color]]) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.globalAlpha = style === color ? EDGE_OPACITY : 1;
    context.beginPath();
    for (const [from, to] of skeleton.edges ?? []) {
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
}

/** The mean of the scores of the nodes that were found, 0 to 1; `null` where there is none. */
function mean(scores) {
  const known = scores.filter((score) => typeof score === "number");
  if (known.length === 0) return null;
  return known.reduce((sum, score) => sum + score, 0) / known.length;
}

/** The mean of the points that were found; `null` where there is none. */
export function centroid(points) {
  const seen = points.filter(Boolean);
  if (seen.length === 0) return null;
  return [0, 1].map((axis) => seen.reduce((sum, point) => sum + point[axis], 0) / seen.length);
}

/** Name and mean score beside the instance's uppermost node. */
export function label(context, { points, color, name, mean }, { dot, font }) {
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

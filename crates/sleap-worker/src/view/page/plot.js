// The last minute: the median as a line, the 95th percentile as a shade behind it.

/** Seconds that are shown, with one value each. */
const PLOT_SECONDS = 60;

export class Plot {
  #canvas;
  #values = [];

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** Adds `{ p50, p95, part }`, or `undefined` for a second without a measurement. */
  add(value) {
    this.#values.push(value);
    this.#values.splice(0, this.#values.length - PLOT_SECONDS);
    this.#draw();
  }

  /** What follows is of another stream. */
  clear() {
    this.#values = [];
    this.#draw();
  }

  #draw() {
    const canvas = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale].map(Math.round);
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const color = (name) => style.getPropertyValue(name).trim();
    const top = scaleOf(this.#values.flatMap((value) => (value ? [value.p95] : [])));
    const x = (index) => width - ((this.#values.length - 1 - index) / (PLOT_SECONDS - 1)) * width;
    const y = (value) => height - Math.min(1, value / top) * (height - 2 * scale) - scale;

    context.strokeStyle = color("--line");
    context.lineWidth = scale;
    for (const share of [0.25, 0.5, 0.75]) {
      context.beginPath();
      context.moveTo(0, Math.round(height * share) + 0.5);
      context.lineTo(width, Math.round(height * share) + 0.5);
      context.stroke();
    }
    for (const run of runs(this.#values)) {
      const trace = (key) => run.forEach(([index, value]) => context.lineTo(x(index), y(value[key] ?? 0)));
      context.beginPath();
      context.moveTo(x(run[0][0]), height);
      trace("p95");
      context.lineTo(x(run.at(-1)[0]), height);
      context.fillStyle = color("--accent-soft");
      context.fill();
      for (const [key, name] of [["part", "--second"], ["p50", "--accent"]]) {
        context.beginPath();
        trace(key);
        context.lineWidth = 2 * scale;
        context.lineJoin = "round";
        context.strokeStyle = color(name);
        context.stroke();
      }
    }
    context.font = `${11 * scale}px system-ui, sans-serif`;
    context.textBaseline = "top";
    context.fillStyle = color("--quiet");
    if (this.#values.some(Boolean)) context.fillText(`${(top / 1000).toFixed(top < 10000 ? 1 : 0)} ms`, 0, 0);
  }
}

/** The value at the top of the plot: above nearly all values; a single outlier is cut off. */
function scaleOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.max(1, sorted[Math.floor((sorted.length - 1) * 0.9)] ?? 1) * 1.5;
}

/** Stretches without gaps, as lists of [index, value]. */
function runs(values) {
  const found = [];
  values.forEach((value, index) => {
    if (!value) return;
    if (index === 0 || !values[index - 1]) found.push([]);
    found.at(-1).push([index, value]);
  });
  return found;
}

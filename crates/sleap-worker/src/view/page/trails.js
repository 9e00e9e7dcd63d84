// Where each animal was in the last two seconds.

/** How long a trail is, ms, and how long an animal may be missing in it. */
const LENGTH_MS = 2000;
const GAP_MS = 500;
/** Points of a trail and trails that are kept at most. */
const MAX_POINTS = 64;
const MAX_TRAILS = 64;
/** Steps in which a trail fades: each is one stroke. */
const STEPS = 6;

export class Trails {
  /** By track: points with their time, and x and y as shares of the picture. */
  #trails = new Map();

  /** Adds where the animals of a picture are: [track, [x, y]] of each that is seen. */
  add(now, places) {
    for (const [track, [x, y]] of places) {
      // The track that was seen last stands last.
      const points = this.#trails.get(track) ?? [];
      this.#trails.delete(track);
      this.#trails.set(track, points);
      points.push({ at: now, x, y });
      points.splice(0, points.findIndex((point) => now - point.at <= LENGTH_MS));
      points.splice(0, points.length - MAX_POINTS);
    }
    for (const [track, points] of this.#trails) {
      if (now - points[points.length - 1].at > LENGTH_MS || this.#trails.size > MAX_TRAILS) this.#trails.delete(track);
    }
  }

  clear() {
    this.#trails.clear();
  }

  /** Draws all trails as they are at `now`, older parts fainter. `color` has the colour of a track. */
  draw(context, now, { width, height, line, color }) {
    context.lineCap = "round";
    context.lineJoin = "round";
    context.lineWidth = line;
    for (const [track, points] of this.#trails) {
      context.strokeStyle = color(track);
      for (let step = 0; step < STEPS; step++) {
        context.globalAlpha = (0.75 * (STEPS - step)) / STEPS;
        context.beginPath();
        for (let index = 1; index < points.length; index++) {
          const [from, to] = [points[index - 1], points[index]];
          const age = Math.floor(((now - to.at) / LENGTH_MS) * STEPS);
          if (age !== step || to.at - from.at > GAP_MS) continue;
          context.moveTo(from.x * width, from.y * height);
          context.lineTo(to.x * width, to.y * height);
        }
        context.stroke();
      }
    }
    context.globalAlpha = 1;
  }
}

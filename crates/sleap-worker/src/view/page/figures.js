// The cards beside the picture: stream, latency, animals, nodes, worker.

import { nodeColor } from "./colors.js";
import { $, count, item, milliseconds, score, text } from "./dom.js";
import { Plot } from "./plot.js";

/** Ages of own poses of which the median is shown. */
const MAX_AGES = 30;

export class Figures {
  #plot = new Plot($("plot"));
  #ages = [];
  #frames = 0;

  /** Shows a status. Figures of a stream that ended stay until the next one begins. */
  show({ stream, last_stream: last, ...worker }) {
    const shown = stream ?? last;
    text("fps-now", stream ? stream.fps.toFixed(1) : last && "Ended");
    text("fps-unit", stream || !last ? "frames/s" : "");
    text("source", shown?.source_name);
    text("size", shown && `${shown.width} × ${shown.height}`);
    count("frames", shown?.frames);
    count("failed", shown?.frames_dropped);
    count("skipped", shown ? (shown.frames_not_sent ?? 0) : undefined);
    this.#latency(stream, shown);
    this.#plot.add(stream?.total_us && { ...stream.total_us, part: stream.inference_us?.p50 });
    this.#worker(worker);
  }

  /** Another stream is shown: nothing of the one before stays. */
  clear() {
    this.#plot.clear();
    this.#frames = Infinity;
  }

  /** Times stay until there are newer ones, or another stream. */
  #latency(stream, shown) {
    const isNew = shown?.frames < this.#frames;
    this.#frames = shown?.frames ?? 0;
    for (const id of ["total", "inference"]) {
      const times = stream?.[`${id}_us`];
      if (!times && !isNew && shown) continue;
      text(id, times && milliseconds(times.p50));
      text(`${id}-p95`, times && milliseconds(times.p95));
    }
  }

  #worker({ model, skeleton, clients, viewers, max_viewers: most }) {
    text("model", model ? `${model.kind.replaceAll("_", " ")}, ${model.width} × ${model.height}` : "none: frames are counted");
    text("device", model?.device);
    text("skeleton", skeleton && `${skeleton.nodes.length} nodes, ${skeleton.edges.length} edges`);
    text("clients", clients);
    text("viewers", most ? `${viewers} of ${most}` : viewers);
    $("model-name").textContent = model?.name ?? "";
  }

  /** Adds the age of a pose of this device's camera, ms. */
  age(ms) {
    this.#ages.push(ms);
    this.#ages.splice(0, this.#ages.length - MAX_AGES);
    const sorted = [...this.#ages].sort((a, b) => a - b);
    const at = (share) => milliseconds(1000 * sorted[Math.ceil((sorted.length - 1) * share)]);
    text("age", at(0.5));
    text("age-p95", at(0.95));
  }

  /** Lists the instances of the picture, and the nodes with the colours that they have in it. */
  list(instances, skeleton, names) {
    $("animals").textContent = instances.length || "none";
    // A field in which a name is typed stays.
    if (!names.isEditing) this.#animals(instances, names);
    const nodes = skeleton?.nodes ?? [];
    $("nodes-card").hidden = nodes.length === 0;
    // As in the worker's window: nodes have colours of their own while there is one animal.
    const only = instances.find(({ isOnly }) => isOnly);
    const areAnimals = instances.length > 0 && !only;
    $("nodes-note").textContent = areAnimals ? "in the animal’s colour" : "";
    $("nodes").replaceChildren(...nodes.map((name, node) => {
      const found = only?.points[node] ? score(only.confidence[node]) : "";
      return item(areAnimals ? "transparent" : nodeColor(node), [["i"], ["span", name], ["b", found]]);
    }));
  }

  /** One line an animal: those with tracks by their names, so that a line keeps its place. */
  #animals(instances, names) {
    const byTrack = (a, b) => (a.track === undefined) - (b.track === undefined) || String(a.track).localeCompare(b.track, "en", { numeric: true });
    const sorted = instances.some(({ track }) => track !== undefined) ? [...instances].sort(byTrack) : instances;
    $("instances").replaceChildren(...sorted.map(({ color, track, mean, points }, index) => {
      const found = `${points.filter(Boolean).length} of ${points.length} nodes`;
      const line = item(color, [["i"], ["span", `animal ${index + 1}`], ["b", found], ["span", score(mean), "score"]]);
      if (track !== undefined) line.children[1].replaceWith(names.element(track));
      line.title = mean === null ? "" : `mean score ${score(mean)}`;
      return line;
    }));
  }
}

// Keeps the poses that the page sees, and lets the worker make a file of them.

/** Bytes of a recording at most: the worker takes a little more. */
const MAX_BYTES = 60 * 1024 * 1024;
/** How long the worker may take to make the file, ms. */
const SAVE_TIMEOUT_MS = 10 * 60 * 1000;

/** What a time of capture may have been read from. */
const CLOCKS = ["driver", "device", "arrival"];

export class PoseRecorder {
  #token;
  #header = null;
  #lines = [];
  #bytes = 0;
  /** When it began, for the file's name. */
  #begun = null;
  /** Number of the last picture of a viewer. */
  #last = -1n;

  constructor(token) {
    this.#token = token;
  }

  /** Poses that are kept; `null` where nothing is recorded or waits to be saved. */
  get count() {
    return this.#header ? this.#lines.length : null;
  }

  /** Begins a recording of a source: `{ source_name, width, height, fps }`. */
  start(header) {
    this.#header = header;
    this.#lines = [];
    this.#bytes = 0;
    this.#begun = new Date();
    this.#last = -1n;
  }

  /**
   * Keeps a result. Returns why the recording has to end: the source is another one, or it is full.
   * `meta`: the picture's `frameId`, `width` and `height`, and `capturedUs` and `latencyUs` where known.
   */
  add(result, meta, source) {
    const { source_name, width, height } = this.#header;
    if (source.source_name !== source_name) return "another stream began";
    if (source.width !== width || source.height !== height) return "the size of the source changed";
    // Pictures of one stream come in its order; results of a camera need not.
    if (!meta.source && BigInt(meta.frameId) <= this.#last) return "another stream began";
    this.#last = BigInt(meta.frameId);
    if (result.type !== "PREDICTION") return null;
    const line = record(result, meta, width / meta.width, height / meta.height);
    if (this.#bytes + line.length > MAX_BYTES) return "it has reached its largest size";
    this.#lines.push(line);
    this.#bytes += line.length + 1;
    return null;
  }

  /** Sends the recording to the worker and hands its file to the browser. It stays until that is done. */
  async save(format) {
    const lines = [JSON.stringify(this.#header), ...this.#lines].join("\n");
    const answer = await fetch(`labels?format=${format}`, {
      method: "POST",
      headers: { "Content-Type": "application/x-ndjson", Authorization: `Bearer ${this.#token}` },
      body: lines,
      signal: AbortSignal.timeout?.(SAVE_TIMEOUT_MS),
    });
    if (!answer.ok) throw new Error(await answer.text());
    download(await answer.blob(), `${name(this.#header.source_name, this.#begun)}.${format}`);
    this.discard();
  }

  discard() {
    this.#header = null;
    this.#lines = [];
  }
}

/** A line of the recording, with points in pixels of the source. Numbers of 64 bits stay as they came. */
function record(result, meta, x, y) {
  const instances = result.instances.map((points) => points.map((point) => point && [point[0] * x, point[1] * y]));
  const { frame_id: _, ...rest } = { ...result, instances, latency_us: meta.latencyUs ?? 0 };
  const captured = meta.capturedUs ? `,"captured_us":${meta.capturedUs}` : "";
  const clock = CLOCKS.includes(meta.clock) ? `,"clock":"${meta.clock}"` : "";
  return `{"frame_id":${meta.frameId}${captured}${clock},${JSON.stringify(rest).slice(1)}`;
}

/** A file's name without its extension: the source, and the local time at which the recording began. */
function name(source, begun) {
  const two = (value) => String(value).padStart(2, "0");
  const day = [begun.getFullYear(), two(begun.getMonth() + 1), two(begun.getDate())].join("-");
  const time = [begun.getHours(), begun.getMinutes(), begun.getSeconds()].map(two).join("");
  const plain = source.replace(/[^\p{L}\p{N}_-]+/gu, "_").slice(0, 40) || "stream";
  return `${plain}_${day}_${time}`;
}

function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

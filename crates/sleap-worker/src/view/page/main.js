// The page: what is asked for, what is shown, and what happens at a click.

import { Camera } from "./camera.js";
import { Plot } from "./plot.js";
import { Stage } from "./stage.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const STATES = { connecting: "connecting", connected: "connected", lost: "no connection", dismissed: "set aside", "wrong-link": "link out of date" };
/** Ages of own poses that the figure is the middle of. */
const AGES = 30;

const token = location.hash.slice(1);
const stage = new Stage({ picture: $("picture"), overlay: $("overlay"), tip: $("tip") });
const plot = new Plot($("plot"));
const ages = [];
let isPaused = false;
let connection = "connecting";
let status = null;

const viewer = new Viewer(token, {
  picture(bitmap, answer, meta) {
    // Pictures that were on their way when the camera took over come too late.
    if (!camera.isRunning && !isPaused) show(bitmap, answer, meta);
  },
  status: hearStatus,
  state(word, reason) {
    connection = word;
    const pill = $("connection");
    pill.dataset.state = word;
    pill.textContent = STATES[word];
    if (word === "connected") ask();
    else if (word !== "connecting") hearStatus(null);
    // A camera has a connection of its own, and says itself how it is.
    if (word === "connecting" || camera.isRunning) return;
    if (word === "connected") notice(null);
    else if (word === "wrong-link") notice("This link is not the one of the worker that runs now.\nOpen the link that it printed when it started.");
    else if (word === "lost") notice(`${reason}\ntrying again`);
    else if (word === "dismissed") notice(`${reason}\nThis page comes back when it is looked at.`);
  },
});

const camera = new Camera(token, {
  picture: show,
  skeleton(skeleton) {
    stage.skeleton = skeleton;
  },
  skipped: (frames) => count("skipped", frames),
  age(ms) {
    ages.push(ms);
    ages.splice(0, ages.length - AGES);
    const sorted = [...ages].sort((a, b) => a - b);
    const at = (share) => milliseconds(1000 * sorted[Math.ceil((sorted.length - 1) * share)]);
    $("age").textContent = at(0.5);
    $("age-p95").textContent = at(0.95);
  },
  state(word, reason) {
    const isOn = !["stopped", "failed"].includes(word);
    document.body.dataset.source = isOn ? "camera" : "view";
    document.body.dataset.camera = word;
    $("camera").textContent = isOn ? "Stop the camera" : "Use this device’s camera";
    $("camera").setAttribute("aria-pressed", isOn);
    $("flip").disabled = word === "asking";
    if (word === "asking") count("skipped", 0);
    ask();
    const words = {
      asking: "The browser asks whether the camera may be used.",
      connecting: "Connecting the camera to the worker",
      lost: "The connection to the worker is lost.\ntrying again",
      busy: "Another client is streaming to this worker.\nThe camera follows as soon as it is done.",
    };
    if (word in words) notice(words[word]);
    // It stays until the camera is used again: pictures of another stream may come at once.
    $("problem").hidden = word !== "failed";
    $("problem").textContent = word === "failed" ? `The camera is not streaming: ${reason}` : "";
    if (isOn) return;
    notice(null);
    hearStatus(status);
  },
});

/** Asks the worker for as many pictures as anybody looks at. */
function ask() {
  const isSeen = !document.hidden && !isPaused && !camera?.isRunning;
  viewer?.ask({ fps: isSeen ? Number($("fps").value) : 0, width: Number($("width").value) });
}

function show(image, answer, meta) {
  notice(null);
  stage.show(image, answer, meta);
  $("live").hidden = false;
  document.dispatchEvent(new CustomEvent("pose", { detail: { answer, meta } }));
}

/** Words over the picture; `null` takes them away. */
function notice(text) {
  $("notice").hidden = text === null;
  if (text === null) return;
  $("notice-text").textContent = text;
  $("notice").classList.toggle("over", stage.answer !== undefined);
  $("live").hidden = true;
  $("rate").hidden = true;
}

function hearStatus(next) {
  const names = (next ?? status)?.skeleton;
  if (next?.skeleton && JSON.stringify(names) !== JSON.stringify(status?.skeleton)) stage.skeleton = names;
  status = next;
  const stream = next?.stream;
  const text = (id, words) => ($(id).textContent = words ?? "–");
  text("fps-now", stream?.fps.toFixed(1));
  text("source", stream?.source_name);
  text("size", stream && `${stream.width} × ${stream.height}`);
  count("frames", stream?.frames);
  count("failed", stream?.frames_dropped);
  for (const id of ["total", "inference"]) {
    const times = stream?.[`${id}_us`];
    text(id, times && milliseconds(times.p50));
    text(`${id}-p95`, times && milliseconds(times.p95));
  }
  listAnimals(stream ? stage.instances : []);
  plot.add(stream?.total_us && { ...stream.total_us, part: stream.inference_us?.p50 });
  $("source").title = stream?.source_name ?? "";
  if (!next) return;
  const { model, skeleton } = next;
  text("model", model ? `${model.kind.replaceAll("_", " ")}, ${model.width} × ${model.height}` : "none: frames are counted");
  text("device", model?.device);
  text("skeleton", skeleton && `${skeleton.nodes.length} nodes, ${skeleton.edges.length} edges`);
  $("skeleton").title = skeleton?.nodes.join(", ") ?? "";
  text("clients", next.clients);
  text("viewers", next.viewers);
  $("model-name").textContent = model?.name ?? "";
  $("rate").textContent = stream ? `${stream.fps.toFixed(1)} frames/s` : "";
  $("rate").hidden = !stream || !$("notice").hidden;
  if (!stream && connection === "connected" && !camera.isRunning) notice("Nobody streams to this worker yet.\nStart sleap-stream, or use this device’s camera.");
}

/** A number for people, and as it is for those who compute with it. */
function count(id, number) {
  $(id).textContent = number?.toLocaleString("en") ?? "–";
  $(id).dataset.value = number ?? "";
}

const milliseconds = (us) => (us < 99950 ? `${(us / 1000).toFixed(1)} ms` : `${Math.round(us / 1000)} ms`);

/** One line for each instance: whose colour it is, and how sure the model is of its nodes. */
function listAnimals(instances) {
  $("animals").textContent = instances.length || "none";
  $("instances").replaceChildren(...instances.map(({ color, track, confidence, points }, index) => {
    const known = confidence.filter((value) => typeof value === "number");
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    const line = document.createElement("li");
    line.style.setProperty("--color", color);
    line.style.setProperty("--share", `${Math.min(1, mean || 0) * 100}%`);
    const parts = [["i"], ["span", track ?? `animal ${index + 1}`], ["b", `${points.filter(Boolean).length} of ${points.length} nodes`], ["span", "", "bar"]];
    line.append(...parts.map(([tag, words, kind]) => Object.assign(document.createElement(tag), { textContent: words ?? "", className: kind ?? "" })));
    line.title = known.length ? `mean confidence ${mean.toFixed(2)}` : "";
    return line;
  }));
}

function toggle(id, change) {
  const button = $(id);
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", isOn);
    change(isOn);
  });
}

toggle("pause", (isOn) => {
  isPaused = isOn;
  $("live").hidden = isOn;
  ask();
});
toggle("labels", (isOn) => (stage.labels = isOn));
$("fullscreen").hidden = !document.fullscreenEnabled;
$("fullscreen").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen()));
for (const id of ["fps", "width"]) $(id).addEventListener("change", ask);
document.addEventListener("visibilitychange", ask);
$("camera-width").addEventListener("change", (event) => camera.set({ width: Number(event.target.value) }));
$("camera-quality").addEventListener("change", (event) => camera.set({ quality: Number(event.target.value) }));
$("flip").addEventListener("click", async () => {
  $("flip").disabled = true;
  await camera.flip();
  $("flip").disabled = false;
});
$("camera").addEventListener("click", () => (camera.isRunning ? camera.stop() : camera.start()));
addEventListener("hashchange", () => location.reload());

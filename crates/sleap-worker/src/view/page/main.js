// The page: connects the parts, and handles clicks.

import { Camera } from "./camera.js";
import { PoseCanvas } from "./canvas.js";
import { StreamChoice } from "./choice.js";
import { $, count, toggle } from "./dom.js";
import { Figures } from "./figures.js";
import { Grid, TILE_FPS, TILE_QUALITY } from "./grid.js";
import { hideNetwork, showNetwork } from "./network_card.js";
import { render, showsCamera } from "./notice.js";
import { RecordControl } from "./record_control.js";
import { StreamList } from "./streams.js";
import { TrackNames } from "./track_names.js";
import { Viewer } from "./viewer.js";
import { ZoneEditor } from "./zone_editor.js";
import { Zones } from "./zones.js";

const token = location.hash.slice(1);
/** The link's own name for what it allows; the worker holds it to that. */
const canSend = token.startsWith("send-");
const names = new TrackNames(canSend ? (track, name) => viewer?.name(track, name) : null, () => {
  canvas.redraw();
  listAnimals();
});
const zones = new Zones(() => canvas.redraw());
const canvas = new PoseCanvas({ picture: $("picture"), overlay: $("overlay"), tip: $("tip") }, (track) => names.of(track), zones);
const editor = new ZoneEditor($("overlay"), zones, (message) => viewer?.tell(message) ?? false);
const figures = new Figures();
const choice = new StreamChoice(showChoice);
const streams = new StreamList((name) => choice.choose(name));
const grid = new Grid((name) => choose(() => choice.choose(name)), () => ask());
const state = {
  viewer: { word: token ? "connecting" : "no-token", reason: "", seconds: 0 },
  camera: { word: "stopped", position: null },
  status: null,
  isPaused: false,
  recorded: null,
  canSend,
};
/** Since when the worker is not reachable. */
let lostAt = null;
let viewer = null;

const records = new RecordControl(token, (recorded) => update({ recorded }));

function update(change) {
  Object.assign(state, change);
  render(state, canvas.result !== undefined, choice);
}

const camera = new Camera(token, {
  picture: show,
  skeleton(skeleton) {
    setSkeleton(skeleton);
    records.setCamera(Boolean(skeleton));
  },
  // Without a viewer's connection the page counts by itself.
  skipped: (frames) => state.status ?? count("skipped", frames),
  age: (ms) => figures.age(ms),
  network: showNetwork,
  state(word, { reason, position } = {}) {
    const isOn = !["stopped", "failed"].includes(word);
    if (word === "asking") hideNetwork();
    if (["live", "lost"].includes(state.camera.word) && !showsCamera({ camera: { word } })) {
      records.end("the camera stopped");
      records.setCamera(false);
    }
    update({ camera: { word, position: position ?? null } });
    $("camera").textContent = isOn ? (word === "busy" ? "Stop waiting" : "Stop the camera") : "Use this device’s camera";
    $("camera").setAttribute("aria-pressed", isOn);
    $("flip").disabled = word === "asking";
    // It stays until the camera is used again: pictures of another stream may come at once.
    $("problem").classList.remove("note");
    $("problem").hidden = word !== "failed";
    $("problem").textContent = word === "failed" ? `The camera is not streaming: ${reason}` : "";
    ask();
  },
});

/** Asks the worker for pictures while the page shows them. */
function ask() {
  const isSeen = !document.hidden && !state.isPaused && !showsCamera(state);
  const { isGrid, stream } = choice;
  const one = { fps: Number($("fps").value), width: Number($("width").value), quality: 70 };
  const wanted = isGrid ? { fps: TILE_FPS, width: grid.width, quality: TILE_QUALITY } : one;
  viewer?.ask({ ...wanted, fps: isSeen ? wanted.fps : 0, grid: isGrid, stream });
}

/** Shows what was chosen: one stream, with the last picture of its tile at first, or all of them. */
function showChoice() {
  if (!showsCamera(state)) {
    records.end("another stream is shown");
    canvas.clear();
    zones.clear();
    const last = choice.stream && grid.last(choice.stream);
    if (last) canvas.show(last.image, last.result, last.meta);
  }
  figures.clear();
  names.clear();
  update({});
  ask();
}

/** Changes what is shown, and leaves the focus where the next key is expected. */
function choose(change) {
  const before = choice.stream;
  change();
  if (choice.isGrid) grid.focus(before);
  else if (!$("back").hidden) $("back").focus();
}

/** `isLate`: a newer frame was shown already. */
function show(image, result, meta, isLate = false) {
  zones.source = sourceSize(meta);
  if (!isLate) canvas.show(image, result, meta);
  records.add(names.apply(result), meta);
  update({});
  document.dispatchEvent(new CustomEvent("pose", { detail: { result, meta } }));
}

/** Width and height of the source of a picture: of this page's camera, or of the stream. */
function sourceSize({ source }) {
  const stream = state.status?.stream;
  if (source) return [source.width, source.height];
  if (!stream) return null;
  return stream.source_width ? [stream.source_width, stream.source_height] : [stream.width, stream.height];
}

function setSkeleton(skeleton) {
  canvas.skeleton = skeleton;
  grid.skeleton = skeleton;
  listTrailNodes(skeleton?.nodes ?? []);
}

/** The nodes that can leave a trail. A choice that is still there stays. */
function listTrailNodes(nodes) {
  const chosen = $("trail").value;
  const options = nodes.map((name, node) => Object.assign(document.createElement("option"), { value: node, textContent: name }));
  $("trail").replaceChildren(...[...$("trail").options].slice(0, 2), ...options);
  $("trail").value = chosen;
  if ($("trail").selectedIndex < 0) $("trail").value = "centroid";
  setTrail();
}

function setTrail() {
  const chosen = $("trail").value;
  canvas.trailOf = chosen === "off" ? null : chosen === "centroid" ? chosen : Number(chosen);
}

const listAnimals = () => figures.list(canvas.instances, canvas.skeleton, names);

function showStatus(status) {
  const isNew = JSON.stringify(status.skeleton) !== JSON.stringify(state.status?.skeleton);
  if (status.skeleton && isNew) {
    setSkeleton(status.skeleton);
    listAnimals();
  }
  // The stream of a camera that reconnects goes on.
  if (state.status?.stream && !status.stream && !showsCamera(state)) records.end("the stream ended");
  records.setStatus(status);
  names.update(status.stream?.track_names);
  canvas.redraw();
  state.status = status;
  grid.show(status.streams, status.model ? "poses" : "frames");
  choice.update(status.streams, records.isOn || !$("zone-form").hidden);
  update({ status });
  figures.show(status);
  streams.show(status.streams);
}

/** The state of the viewer's connection. While the worker is not reachable, attempts do not change it. */
function setConnection(word, reason = "") {
  if (word === "connecting") return;
  if (word === "lost") lostAt ??= performance.now();
  if (word === "connected") lostAt = null;
  update({ viewer: { word, reason, seconds: secondsLost() } });
  if (word === "connected") ask();
}

const secondsLost = () => (lostAt === null ? 0 : Math.round((performance.now() - lostAt) / 1000));

if (token) {
  viewer = new Viewer(token, {
    picture(bitmap, result, meta, stream) {
      // Pictures that were in flight when the camera took over, at a pause, or at a choice, come too late.
      if (showsCamera(state) || state.isPaused) return;
      if (choice.isGrid) grid.picture(stream, bitmap, result, meta);
      else if (!choice.stream || choice.stream === stream) show(bitmap, result, meta);
    },
    status: showStatus,
    rules(message) {
      if (message.type === "ZONE_RESULT") return editor.answer(message);
      zones.take(message);
      editor.offer(canSend);
    },
    state: setConnection,
  });
}
setInterval(() => {
  if ($("notice").hidden) listAnimals();
  grid.tick(!choice.isGrid || state.isPaused || document.hidden || state.viewer.word !== "connected");
  if (state.viewer.word === "lost") update({ viewer: { ...state.viewer, seconds: secondsLost() } });
}, 1000);

toggle("pause", (isPaused) => {
  update({ isPaused });
  ask();
});
$("trail").addEventListener("change", setTrail);
toggle("labels", (isOn) => (canvas.labels = isOn));
$("fullscreen").hidden = !document.fullscreenEnabled;
$("fullscreen").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen()));
for (const id of ["fps", "width"]) $(id).addEventListener("change", ask);
document.addEventListener("visibilitychange", ask);
$("back").addEventListener("click", () => choose(() => choice.back()));
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest?.("input, select, textarea")) return;
  // A zone that is being drawn is not left by a key.
  if (!$("zone-form").hidden) return;
  if (key === "Escape" && choice.stream) choose(() => choice.back());
  if (/^[1-9]$/.test(key)) choose(() => choice.chooseNumber(Number(key)));
});
$("camera-width").addEventListener("change", (event) => camera.set({ width: Number(event.target.value) }));
$("camera-quality").addEventListener("change", (event) => camera.set({ quality: Number(event.target.value) }));
$("flip").addEventListener("click", async () => {
  $("flip").disabled = true;
  await camera.flip();
  $("flip").disabled = false;
});
$("camera").hidden = !state.canSend;
$("camera").addEventListener("click", () => (camera.isRunning ? camera.stop() : camera.start()));
addEventListener("hashchange", () => location.reload());
update({});

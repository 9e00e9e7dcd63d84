// The page: connects the parts, and handles clicks.

import { Camera } from "./camera.js";
import { PoseCanvas } from "./canvas.js";
import { $, count, toggle } from "./dom.js";
import { Figures } from "./figures.js";
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
const streams = new StreamList(canSend ? (name) => viewer?.show(name) : null);
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
  render(state, canvas.result !== undefined);
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
  viewer?.ask({ fps: isSeen ? Number($("fps").value) : 0, width: Number($("width").value) });
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
    picture(bitmap, result, meta) {
      // Pictures that were in flight when the camera took over, or at a pause, come too late.
      if (!showsCamera(state) && !state.isPaused) show(bitmap, result, meta);
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

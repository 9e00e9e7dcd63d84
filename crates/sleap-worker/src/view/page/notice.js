// What stands over the picture and in the bar above it: one place that decides it from the page's state.

import { $ } from "./dom.js";

/** Words of the connection's pill. */
const PILLS = {
  connecting: "connecting", connected: "connected", lost: "not reachable", evicted: "set aside",
  "wrong-link": "link out of date", "no-token": "link incomplete", full: "all places taken", "send-only": "camera only",
};

/** States in which the camera's own frames are shown. */
const CAMERA_SHOWN = ["asking", "connecting", "live", "lost"];

/** Whether the page shows its own camera; while it waits for its turn it shows a running stream. */
export const showsCamera = ({ camera }) => CAMERA_SHOWN.includes(camera.word);

const number = (value) => value.toLocaleString("en");

/** The worker's words as a sentence. */
const sentence = (words) => words && words[0].toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");

/** Heading and text over the picture; nothing while there is a picture to see. */
function notice(state, hasPicture) {
  const { viewer, camera, status, canSend, isPaused } = state;
  if (viewer.word === "no-token") {
    return ["This link is not complete", "The part after # is missing: it is the key to this page.\nCopy the whole link that the worker printed."];
  }
  switch (camera.word) {
    case "asking": return ["Allow the camera", "The browser asks whether this page may use it."];
    case "connecting": return ["Connecting the camera to the worker", ""];
    case "lost": return ["The connection to the worker is lost", "Trying again."];
    case "live": return null;
  }
  switch (viewer.word) {
    case "wrong-link": return ["This link does not work any more", sentence(viewer.reason)];
    case "send-only": return ["This link sends a camera", "This worker has switched watching off."];
    case "full": return [viewer.reason.replace(" are watching", ""), "All places are taken. This page shows the stream as soon as one is free."];
    case "evicted": return [viewer.reason, "This page comes back when it is looked at."];
    case "lost": return [`The worker is not reachable since ${viewer.seconds} s.`, `Trying again.\n${sentence(viewer.reason)}`];
    case "connecting": return ["Connecting to the worker", ""];
  }
  if (status?.stream && !hasPicture && !isPaused) {
    return ["Waiting for a picture", "The stream runs, and no frame has come since this page was opened."];
  }
  if (!status || status.stream) return null;
  if (status.last_stream) return [`Stream ended, ${number(status.last_stream.frames)} frames`, "This page shows the next stream by itself."];
  return ["No stream yet", canSend ? "Start sleap-stream, or use this device’s camera." : "Start sleap-stream at the camera."];
}

/** What the bar says of a camera that waits for its turn. */
function queueMessage({ camera }) {
  if (camera.word !== "busy") return "";
  const { position } = camera;
  if (!position) return "Your camera waits: other clients stream.";
  if (position === 1) return "Your camera is next: it streams when a running stream ends.";
  return `Your camera is number ${position} in the queue.`;
}

/** Shows the state; `hasPicture`: there is a picture, however old; `choice`: which streams are shown. */
export function render(state, hasPicture, choice) {
  const { viewer, camera, status, isPaused, recorded } = state;
  const isCamera = showsCamera(state);
  const isGrid = choice.isGrid && !isCamera;
  document.body.dataset.show = isGrid ? "grid" : "one";
  $("grid").hidden = !isGrid;
  $("screen").hidden = isGrid;
  $("back").hidden = isGrid || isCamera || !choice.hasGrid;
  document.body.dataset.source = isCamera ? "camera" : "view";
  document.body.dataset.camera = camera.word;
  // A camera has a connection of its own: that of the viewer matters only without it.
  const isStale = !isCamera && !["connected", "connecting"].includes(viewer.word);
  document.body.classList.toggle("stale", isStale && status !== null);
  $("connection").dataset.state = viewer.word;
  $("connection").textContent = PILLS[viewer.word];

  const hasView = hasPicture || isGrid;
  const words = notice(state, hasView);
  $("notice").hidden = words === null;
  $("notice").classList.toggle("over", hasView);
  if (words) [$("notice-heading").textContent, $("notice-text").textContent] = words;

  const isShown = words === null && hasView;
  const isStill = isPaused && !isCamera;
  $("live").hidden = !isShown || isStill;
  $("paused").hidden = !isStill;
  $("idle").hidden = isShown || isStill;
  $("rate").hidden = !isShown || isStill || isGrid || !status?.stream;
  $("rate").textContent = status?.stream ? `${status.stream.fps.toFixed(1)} frames/s` : "";
  $("recording").hidden = recorded === null;
  $("recording").textContent = recorded === null ? "" : `rec ${number(recorded)}`;
  const all = isGrid ? `${status.streams.length} streams` : choice.hasGrid ? choice.stream : "";
  $("message").textContent = queueMessage(state) || (isCamera ? "" : all);
}

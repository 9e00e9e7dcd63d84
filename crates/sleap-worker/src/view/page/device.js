// Cameras, and what browsers differ in about them.

/** Opens a camera. */
export async function openCamera(facing, width) {
  const video = { facingMode: facing, width: { ideal: Math.max(width, 640) }, frameRate: { ideal: 30 } };
  return await navigator.mediaDevices.getUserMedia({ video, audio: false });
}

/** Switches a camera off. */
export function release(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Calls `then` with each new frame's time of capture (ms, as `performance.now`), until `signal` aborts. */
export function eachFrame(video, signal, then) {
  let last = -1;
  const isNew = () => video.currentTime !== last;
  const next = video.requestVideoFrameCallback
    ? () => video.requestVideoFrameCallback((now, { captureTime }) => step(captureTime ?? now, true))
    : () => requestAnimationFrame((now) => step(now, isNew()));
  function step(capturedAt, isNew) {
    if (signal.aborted) return;
    last = video.currentTime;
    next();
    if (isNew) then(capturedAt);
  }
  next();
}

/** Keeps the screen on until `signal` aborts, where the browser can. A page that was hidden has to ask again. */
export function stayAwake(signal) {
  let lock = null;
  const ask = async () => {
    if (document.hidden || signal.aborted) return;
    lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (signal.aborted) lock?.release();
  };
  document.addEventListener("visibilitychange", ask, { signal });
  signal.addEventListener("abort", () => lock?.release(), { once: true });
  ask();
}

/** The text of a camera's error. */
export function words(error) {
  switch (error.name) {
    case "NotAllowedError": return "The browser was not allowed to use the camera.";
    case "NotFoundError": return "This device has no camera.";
    case "NotReadableError": return "Another program is using the camera.";
    default: return error.message;
  }
}

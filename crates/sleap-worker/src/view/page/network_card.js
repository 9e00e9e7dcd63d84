// The card that says how this device's camera gets to the worker, where its frames go over lanes.

import { $, count, text } from "./dom.js";

/** `lanes`: connections at present; `parity`: percent of the frames' bytes; `lost`: frames. */
export function showNetwork({ lanes, parity, lost }) {
  $("network-card").hidden = false;
  count("lanes", lanes);
  text("parity", `${parity.toFixed(1)} %`);
  $("parity").dataset.value = parity;
  count("lost", lost);
}

/** A stream that begins says by itself whether its frames go over lanes. */
export function hideNetwork() {
  $("network-card").hidden = true;
}

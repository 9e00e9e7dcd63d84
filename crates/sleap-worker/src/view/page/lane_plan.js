// Whether a stream's frames go over lanes: by itself where the path is long, or losses show.

import { wayOf } from "./way.js";

/** Shorter paths repair a loss so soon that one connection is enough, ms. */
const LONG_MS = 5;
/** Hardly any delay of a busy machine is mistaken for so long a path, ms. */
const PLAINLY_LONG_MS = 15;

/** `?lanes=` in the page's address, as the command line's `--lanes`: `coded`, `1`, or what the page decides by itself. */
const wanted = () => new URLSearchParams(location.search).get("lanes") ?? "auto";

export class LanePlan {
  #link;
  #lanes;
  /** Lanes that may be opened once losses show. */
  #spare = 0;
  #way = null;
  #isFirst = true;

  constructor(link, lanes) {
    this.#link = link;
    this.#lanes = lanes;
  }

  /** The round trip to the worker, ms; `null`: it is not known. */
  get roundTrip() {
    return this.#way?.roundTrip ?? null;
  }

  /** Begins to open lanes right behind the first STREAM_START, where the worker's description offers them. */
  async openEarly() {
    const { offeredLanes, peer } = this.#link;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (!isFirst || !offeredLanes || wanted() === "1") return;
    this.#way = await wayOf(peer);
    if (wanted() === "coded" || (this.#way.roundTrip >= PLAINLY_LONG_MS && !this.#way.isRelayed)) this.#lanes.open(offeredLanes, this.#way);
  }

  /** Opens lanes as the worker takes them, and waits for most of them. `ackMs`: how long it took to answer. */
  async open(ack, ackMs) {
    const most = (ack.answers && ack.shard_lanes) || 0;
    const way = await wayOf(this.#link.peer);
    this.#way = way;
    // A busy machine delays one of the two, but hardly both. A TURN server bounds what each of its users may have open.
    const isLong = way.roundTrip !== null && Math.min(way.roundTrip, ackMs) >= LONG_MS;
    const isWanted = wanted() === "coded" || (wanted() !== "1" && isLong && !way.isRelayed);
    if (isWanted && most > 0) {
      this.#lanes.open(most, way);
      return await this.#lanes.settled();
    }
    this.#lanes.end();
    this.#spare = wanted() === "1" || way.isRelayed ? 0 : most;
  }

  /** Lost packets hold frames up. */
  lossesShow() {
    if (this.#spare > 0) this.#lanes.open(this.#spare, this.#way);
    this.#spare = 0;
  }
}

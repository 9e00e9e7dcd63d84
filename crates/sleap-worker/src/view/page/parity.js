// How many parity shards a unit gets: none as long as nothing is lost.

import { MAX_BLOCK_DATA, maxParity } from "./shard_blocks.js";

/** Losses of the last few seconds decide; a link that has become worse is told within a second. */
const HALF_LIVES_MS = [1000, 10000];
/** For how long the largest loss of one block counts. */
const WORST_MS = 15000;
/** A block may be lost as often as this. */
const RESIDUAL = 1e-3;

/** Chooses from what the receiver reports. Times are in ms. */
export class ParityChooser {
  #decayed;
  #worst;

  constructor(now) {
    this.#decayed = HALF_LIVES_MS.map((halfLife) => ({ halfLife, at: now, sent: 0, lost: 0 }));
    this.#worst = { since: now, current: 0, before: 0 };
  }

  /** Takes what has come since the report before. */
  report({ sent, arrived, worst }, now) {
    for (const decayed of this.#decayed) {
      const kept = 2 ** (-Math.max(0, now - decayed.at) / decayed.halfLife);
      decayed.at = now;
      decayed.sent = decayed.sent * kept + sent;
      decayed.lost = decayed.lost * kept + Math.max(0, sent - arrived);
    }
    this.#worstAt(now);
    this.#worst.current = Math.max(this.#worst.current, worst);
  }

  /** Share of the shards that are lost, at present, one standard deviation above what was seen. */
  get loss() {
    const shares = this.#decayed.map(({ sent, lost }) => (sent < 1 ? 0 : Math.min(1, (lost + Math.sqrt(lost)) / sent)));
    return Math.max(...shares);
  }

  /** Parity shards for each block of a unit of so many data shards. */
  parity(dataShards, now) {
    const blocks = Math.max(1, Math.ceil(dataShards / MAX_BLOCK_DATA));
    const data = Math.ceil(dataShards / blocks);
    const most = maxParity(data);
    let parity = 0;
    while (parity < most && !isEnough(data, parity, this.loss)) parity += 1;
    return Math.min(most, Math.max(parity, this.#worstAt(now)));
  }

  /** The largest loss of one to two windows. */
  #worstAt(now) {
    const worst = this.#worst;
    const passed = now - worst.since;
    if (passed >= 2 * WORST_MS) Object.assign(worst, { since: now, before: 0, current: 0 });
    else if (passed >= WORST_MS) Object.assign(worst, { since: worst.since + WORST_MS, before: worst.current, current: 0 });
    return Math.max(worst.before, worst.current);
  }
}

/** Whether few enough blocks lose more than `parity` shards, where each is lost with the chance `loss`. */
function isEnough(data, parity, loss) {
  if (loss <= 0) return true;
  const sent = data + parity;
  // The chances of 0, 1, 2 … lost shards.
  let chance = (1 - loss) ** sent;
  let within = chance;
  for (let lost = 1; lost <= parity; lost += 1) {
    chance *= (((sent + 1 - lost) / lost) * loss) / (1 - loss);
    within += chance;
  }
  // Not a number, where everything is lost.
  return 1 - within <= RESIDUAL;
}

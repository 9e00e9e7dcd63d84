// Frames that are held up now and then: the sign of lost packets where a channel keeps the order.

/** Frames whose time on the link is ordinary by their median. */
const ORDINARY_OF = 32;
/** So much more than the ordinary, ms, is not a queue that grows: a packet was sent again. */
const HELD_UP_MS = 300;
/** Frames that are held up within this time are so by one loss, ms. */
const ONE_LOSS_MS = 1500;
/** Losses within this time show that there will be more. */
const LOSSES = 2;
const WITHIN_MS = 60000;

export class HoldUps {
  #recent = [];
  /** When a loss held up the first of its frames. */
  #losses = [];

  /** A frame was on the link for `link` ms. Whether losses show. */
  returned(link, now) {
    const isKnown = this.#recent.length === ORDINARY_OF;
    const ordinary = [...this.#recent].sort((a, b) => a - b)[ORDINARY_OF / 2];
    this.#recent.push(link);
    this.#recent.splice(0, this.#recent.length - ORDINARY_OF);
    const isHeldUp = isKnown && link > ordinary + HELD_UP_MS;
    if (isHeldUp && !(now - this.#losses.at(-1) <= ONE_LOSS_MS)) this.#losses.push(now);
    this.#losses = this.#losses.filter((at) => now - at <= WITHIN_MS);
    return this.#losses.length >= LOSSES;
  }
}

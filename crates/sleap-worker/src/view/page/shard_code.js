// The erasure code of one block of shards: a polynomial through them, byte by byte, over the field of 256 elements.
// It is that of crates/protocol/src/coded/code.rs; the wire specification defines it.

/** The field's polynomial, without its highest term, and the order of its multiplicative group. */
const REDUCTION = 0x1d;
const ORDER = 255;

/** Powers of 2, and their inverse; that of 0 is not used. */
const EXP = new Uint8Array(256);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < ORDER; power += 1) {
  EXP[power] = value;
  LOG[value] = power;
  value = ((value << 1) ^ (value & 0x80 ? REDUCTION : 0)) & 0xff;
}

/** For each factor the products with all bytes, made when the factor is used for the first time. */
const PRODUCTS = new Array(256);

function productsOf(factor) {
  PRODUCTS[factor] ??= Uint8Array.from({ length: 256 }, (_, value) => (value && factor ? EXP[(LOG[value] + LOG[factor]) % ORDER] : 0));
  return PRODUCTS[factor];
}

/** Shards of a block whose values are there, as many as it has data shards. */
export class KnownShards {
  #places;
  #shards;
  /** The logarithm of each place's product of distances to the others. */
  #weights;

  /** `places` and `shards` in the same order; no place twice, and all shards of one length. */
  constructor(places, shards) {
    this.#places = places;
    this.#shards = shards;
    this.#weights = places.map((place) => sum(places, (other) => (other === place ? 0 : LOG[place ^ other])));
  }

  /** Writes the shard at `place`, which is not among those that are known, over zeros. */
  valueAt(place, into) {
    const product = sum(this.#places, (known) => LOG[place ^ known]);
    this.#shards.forEach((shard, at) => {
      // Lagrange's factor.
      const distance = LOG[place ^ this.#places[at]];
      const power = product - distance - this.#weights[at];
      const products = productsOf(EXP[((power % ORDER) + ORDER) % ORDER]);
      for (let byte = 0; byte < into.length; byte += 1) into[byte] ^= products[shard[byte]];
    });
  }
}

const sum = (values, of) => values.reduce((total, value) => total + of(value), 0);

// Live frames and their answers in shards, over lanes beside the channel that wait for nothing that is lost.
//
//   frames ── ShardDealer ──▶ lanes ──▶ worker
//   answers ◀── AnswerCollector ◀── lanes ◀──
//
// One connection has one congestion window, which a lost packet halves, and in the channel everything waits for what was lost. The
// channel goes on without lanes, and carries everything else. crates/protocol/README.md, "Lanes for shards", is the specification.

import { AnswerCollector } from "./answer_collector.js";
import { openLane } from "./lane.js";
import { LaneKeeper } from "./lane_keeper.js";
import { sleep } from "./link.js";
import { ShardDealer } from "./shard_dealer.js";

/** Fewer lanes are not used. */
const MIN_LANES = 4;
/** Lanes at first, and at most: each is a connection of its own, which costs a phone memory and a handshake. */
const FIRST_LANES = 12;
const MOST_LANES = 16;
/** With a longer round trip there are as many as there may be from the start, ms. */
const FAR_MS = 80;
/** How long a stream waits for the first lanes, and for most of the others then, ms. */
const READY_MS = 1500;
const GRACE_MS = 120;
/** How long frames go one at a time over the channel while the first lanes are on their way, ms. */
const AWAITED_MS = 3000;
/** Above this share of lost shards windows do not grow: where lanes are full then, there should be more of them. */
const LOSSY = 0.003;
/** Numbers of lanes of the other kind are lower. */
const FIRST_NUMBER = 16;

export class ShardLanes {
  #tell;
  #keeper = null;
  #dealer;
  #answers;
  #number = FIRST_NUMBER;
  /** Those that wait for the worker's answer to their offer, by the lane's number. */
  #asked = new Map();
  #certificates = null;
  #address = null;
  #most = 0;
  /** Until when frames wait for the first lanes. */
  #awaitedUntil = 0;
  #isOver = false;
  #onChange = () => {};

  /** `answer(text)` takes an answer that came in shards, `tell(message)` sends text or an object over the channel. `totals` count bytes. */
  constructor({ answer, tell, totals }) {
    this.#tell = tell;
    this.#dealer = new ShardDealer(() => this.#lanes, tell, totals);
    this.#answers = new AnswerCollector(answer, tell);
  }

  get #lanes() {
    return this.#keeper?.lanes ?? new Set();
  }

  /** Lanes that are open. */
  get count() {
    return this.#lanes.size;
  }

  /** Whether frames go over lanes. */
  get areUsed() {
    return this.count >= MIN_LANES;
  }

  /** Whether the first lanes are on their way, so that frames go over them soon. */
  get areAwaited() {
    return !this.areUsed && performance.now() < this.#awaitedUntil;
  }

  /** Opens lanes, `most` of them at most, and keeps them open. */
  open(most, { roundTrip, address }) {
    if (this.#isOver || this.#keeper || most < MIN_LANES) return;
    this.#awaitedUntil = performance.now() + AWAITED_MS;
    this.#most = Math.min(most, MOST_LANES);
    this.#address = address;
    const first = roundTrip >= FAR_MS ? MOST_LANES : FIRST_LANES;
    this.#keeper = new LaneKeeper(() => this.#one(), Math.min(first, this.#most), () => this.#onChange());
  }

  /** Waits until most lanes are open, or it has become plain that they take long. */
  async settled() {
    const enough = (lanes) => new Promise((resolve) => {
      this.#onChange = () => this.count >= lanes && resolve();
      this.#onChange();
    });
    await Promise.race([enough(MIN_LANES), sleep(READY_MS)]);
    if (this.areUsed) await Promise.race([enough((this.#keeper.wanted * 3) / 4), sleep(GRACE_MS)]);
    this.#onChange = () => {};
  }

  /** Whether a frame may be sent; where losses keep the lanes full there will be more. */
  get hasRoom() {
    const { hasRoom, loss } = this.#dealer;
    if (!hasRoom && loss > LOSSY) this.#keeper.wanted = this.#most;
    return hasRoom;
  }

  /** Sends a frame in shards; false: the channel has to take it. */
  async send(frameId, announcement, bytes) {
    return this.areUsed && (await this.#dealer.send(frameId, announcement, bytes));
  }

  /** Takes a message of the channel that is about lanes, and returns the frames that it says are lost. */
  receive(message) {
    if (message.type === "SHARD_REPORT") return this.#dealer.reported(message);
    this.#asked.get(message.lane)?.(message);
    return [];
  }

  /** Takes a text of the channel that may be a count of units. */
  receiveText(text) {
    const [, units] = /^SHARDS_SENT::(\d+)$/.exec(text) ?? [];
    if (units) this.#answers.counted(Number(units));
  }

  /** To be called before a message that keeps its place behind all frames. */
  settle() {
    this.#dealer.settle();
  }

  /** Closes all lanes, and opens no others; frames go over the channel from now on. */
  end() {
    this.#keeper?.close();
    this.#keeper = null;
    this.#awaitedUntil = 0;
  }

  /** The same for good: a stream that has ended opens none. */
  close() {
    this.#isOver = true;
    this.end();
    this.#dealer.close();
    this.#answers.close();
  }

  async #one() {
    // One for all lanes, so that it is made once.
    this.#certificates ??= generateCertificates();
    const number = this.#number++;
    try {
      const lane = await openLane({ certificates: await this.#certificates, address: this.#address, ask: (sdp) => this.#ask(number, sdp) });
      lane.read((data) => this.#answers.take(data));
      return lane;
    } finally {
      this.#asked.delete(number);
    }
  }

  #ask(lane, sdp) {
    return new Promise((resolve, reject) => {
      this.#asked.set(lane, ({ sdp, message }) => (sdp ? resolve(sdp) : reject(new Error(message))));
      if (!this.#tell({ type: "LANE_OFFER", lane, sdp, shards: true })) reject(new Error("the channel is closed"));
    });
  }
}

/** Without one each lane makes its own. */
async function generateCertificates() {
  try {
    return [await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" })];
  } catch {
    return [];
  }
}

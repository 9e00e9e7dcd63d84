// What test_shards.py runs in the page: returns the names of vectors, or of scenes, whose outcome is not as it has to be.
async (vectors) => {
  const [{ ShardEncoder }, { content, readShard }, { ShardCollector }, { crc32 }, { SentUnits }, { HoldUps }] = await Promise.all(
    ["shard_encoder", "shard_wire", "shard_collector", "crc32", "sent_units", "hold_ups"].map((name) => import(`/${name}.js`)),
  );
  const wrong = [];
  const check = (name, isRight) => isRight || wrong.push(name);
  const picture = (length) => Uint8Array.from({ length }, (_, at) => 7 * at + Math.floor(at / 251));
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const collect = (collector, wire, now = 0) => wire.map((message) => collector.push(readShard(message), now)).filter(Boolean);

  const bytesOf = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  // The page sends no large shards: those of the vectors are read.
  for (const { name, unit, text, data_bytes: bytes, wire } of vectors.filter(({ wide, wire }) => wide && wire)) {
    const [arrived] = collect(new ShardCollector(), wire.map(bytesOf));
    check(`${name}: arrives`, arrived?.number === unit && arrived.text === text && hex(arrived.data) === hex(picture(bytes)));
  }
  for (const { name, unit, parity, text, data_bytes: bytes, shards, wire: expected, crc32: sums } of vectors.filter(({ wide }) => !wide)) {
    const wire = new ShardEncoder(unit).encode(content(text, picture(bytes)), parity);
    check(`${name}: shards`, wire.length === shards);
    check(`${name}: bytes`, expected ? same(wire.map(hex), expected) : same(wire.map((message) => crc32(message)), sums));
    // The numbers between 0 and the unit's are missing: at most as many as are bridged.
    if (unit >= 65536) continue;
    // From the last on, so that as many parity shards as can be are used.
    const [arrived, again] = collect(new ShardCollector(), [...wire].reverse());
    const isWhole = arrived?.number === unit && arrived.text === text && hex(arrived.data) === hex(picture(bytes));
    check(`${name}: arrives once`, isWhole && !again);
  }

  // Whatever is lost, as much as the parity makes good does not matter.
  for (let seed = 1; seed <= 200; seed += 1) {
    const parity = seed % 12;
    const data = picture((seed * seed * 977) % 150000);
    const wire = new ShardEncoder(seed).encode(content("text", data), parity);
    const order = wire.map((message, at) => [Math.imul(at + 1, 0x9e3779b1 ^ (seed << 7)) >>> 0, message]);
    const kept = order.sort(([a], [b]) => a - b).map(([, message]) => message);
    const [arrived] = collect(new ShardCollector(), kept.slice(0, wire.length - parity));
    check(`losses ${seed}`, arrived && hex(arrived.data) === hex(data));
  }

  // One shard too few, then nothing, then a whole unit: both are given up once its time is over, and counted.
  const encoder = new ShardEncoder();
  const units = [0, 1, 2].map(() => encoder.encode(content("text", picture(5000)), 1));
  const collector = new ShardCollector();
  check("too few", collect(collector, units[0].slice(2)).length === 0);
  check("a newer one", collect(collector, units[2]).length === 1 && collector.takeLost().length === 0);
  collector.expire(29);
  check("patience", collector.takeLost().length === 0 && collector.closed === 0);
  collector.expire(30);
  check("lost", same(collector.takeLost(), [[0, 1], [1, 1]]) && collector.closed === 3);
  check("late", collect(collector, units[0], 31).length === 0);
  collector.expire(1000);
  check("counts", same(collector.takeCounts(), { sent: 18, arrived: 12, worst: 0 }) && collector.heldUnits === 0);

  // The last units are lost when the sender says how many there were.
  collector.closeBefore(5, 1000);
  check("closed before", same(collector.takeLost(), [[3, 2]]) && collector.hasClosed(5) && !collector.hasClosed(6));
  check("far ahead", collector.hasClosed(70000 + 5));

  // Shards that belong to no unit, and those of a unit that were changed on the way.
  const last = new ShardEncoder(7).encode(content("text", picture(3000)), 0);
  last[1][500] ^= 1;
  check("damaged", collect(collector, last, 1000).length === 0 && same(collector.takeLost(), [[7, 1]]));
  check("no shard", [new Uint8Array(0), new Uint8Array(11).fill(0xf5), new Uint8Array(49153).fill(0xf5), new Uint8Array(40)].every((message) => !readShard(message)));
  const huge = Object.assign(readShard(units[0][0]), { unit: 9, contentBytes: 2 ** 24 - 1 });
  check("huge", collector.push(huge, 1000) === null && collector.heldUnits === 1);
  // What a sender can make the page keep is bounded.
  for (let unit = 10; unit < 2000; unit += 1) collector.push(readShard(new ShardEncoder(unit).encode(content("text", picture(5000)), 1)[0]), 1000);
  check("bounded", collector.heldUnits <= 256);

  // Reports: each lost frame is told once, and what was never sent is ignored.
  const sent = new SentUnits(0);
  for (let frame = 10; frame < 16; frame += 1) sent.push(frame);
  const reported = (closed, lost, more = {}) => sent.reported({ closed, lost, ...more }, 0);
  check("told", same(reported(2, [[1, 1]]), [11]) && same(reported(5, [[1, 1], [3, 2]]), [13, 14]));
  check("never sent", same(reported(9, [[7, 2 ** 32 - 1], [2 ** 32 - 1, 1], [6, 1]]), []) && same(reported(6, [[5, 1]]), [15]));
  for (let frame = 0; frame < 5000; frame += 1) sent.push(frame);
  check("remembered", reported(5006, [[6, 5000]]).length === 1024);

  // Parity: some before anything is known, none without losses, and as much as losses ask for.
  const parity = new SentUnits(0);
  check("first parity", parity.parity(22, 0) === 6 && parity.parity(22, 999) === 6 && parity.parity(22, 1000) === 2 && parity.parity(1, 0) === 2);
  check("no losses", parity.parity(22, 3000) === 0);
  parity.reported({ closed: 0, sent: 1000, arrived: 980, worst: 3, lost: [] }, 3000);
  check("losses", parity.parity(22, 3000) >= 3 && parity.parity(22, 3000) <= 5 && parity.loss > 0.02);
  parity.reported({ closed: 0, sent: 1000, arrived: 0, worst: 0, lost: [] }, 3000);
  check("most parity", parity.parity(22, 3000) === 9 && parity.parity(300, 3000) === 40);
  check("forgotten", parity.parity(22, 3000 + 15000) === 9);
  for (let at = 18000; at < 180000; at += 1000) parity.reported({ closed: 0, sent: 1000, arrived: 1000, worst: 0, lost: [] }, at);
  check("better again", parity.parity(22, 180000) === 0);

  // Frames that are held up twice within a minute show losses; a queue that grows and a slow start do not.
  const shows = (links) => {
    const [holdUps, now] = [new HoldUps(), { at: 0 }];
    return links.map((link) => holdUps.returned(link, (now.at += 33))).at(-1);
  };
  const quiet = (count) => Array(count).fill(10);
  check("two losses", shows([...quiet(40), 600, ...quiet(60), 500]) && !shows([...quiet(40), 600, ...quiet(60)]));
  check("one loss", !shows([...quiet(40), 900, 850, 800, 750]) && !shows([...quiet(40), 600, ...quiet(2000), 500]));
  check("a queue, a start", !shows(Array.from({ length: 300 }, (_, at) => 10 + at * 3)) && !shows([900, 10, 900, ...quiet(20), 900]));
  return wrong;
}

// A worker in Node: see Sources/CEmbedded/PROTOCOL.md. Functions may be async; the tasks are done one after the other.
"use strict";
const net = require("node:net");

const functions = {
  echo: (x) => x,
  square: (x) => {
    if (!Number.isInteger(x)) throw new TypeError(`${JSON.stringify(x)} is no integer`);
    return x * x;
  },
  fail: (x) => {
    throw new Error(x);
  },
  sleep: (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds, null)),
};

const daemon = new net.Socket({ fd: 3, readable: true, writable: true });

function send(head, body = "") {
  const parts = [Buffer.from(JSON.stringify(head)), Buffer.from(body)];
  const lengths = Buffer.alloc(8);
  parts.forEach((part, index) => lengths.writeUInt32BE(part.length, 4 * index));
  daemon.write(Buffer.concat([lengths, ...parts]));
}

async function* frames() {
  let data = Buffer.alloc(0);
  let pieces = [];
  let missing = 8;
  for await (const piece of daemon) {
    pieces.push(piece);
    missing -= piece.length;
    if (missing > 0) continue; // To join at every piece would take the square of a long body's time.
    data = Buffer.concat([data, ...pieces]);
    pieces = [];
    let end = 8;
    while (data.length >= 8) {
      const middle = 8 + data.readUInt32BE(0);
      end = middle + data.readUInt32BE(4);
      if (data.length < end) break;
      yield [JSON.parse(data.toString("utf8", 8, middle)), data.toString("utf8", middle, end)];
      data = data.subarray(end);
      end = 8;
    }
    missing = end - data.length;
  }
}

async function outcome(func, args) {
  try {
    if (!Object.hasOwn(functions, func)) throw new ReferenceError(`no function ${func}`);
    return { value: (await functions[func](...args)) ?? null };
  } catch (error) {
    return { error: { type: error.name, message: error.message, traceback: error.stack, args: null } };
  }
}

async function outcomes({ op, func, stop_on_error }, body) {
  if (op === "apply") return [await outcome(func, JSON.parse(body).args)];
  if (op !== "map" && op !== "starmap") return [await outcome(`for op ${op}`, [])];
  const done = [];
  for (const item of JSON.parse(body)) {
    done.push(await outcome(func, op === "map" ? [item] : item));
    if (stop_on_error && done.at(-1).error) break;
  }
  return done;
}

async function main() {
  for await (const [head, body] of frames()) {
    if (head.type === "hello") {
      send({ type: "ready", protocol: 1 });
    } else if (head.type === "task") {
      const done = await outcomes(head, body);
      send({ type: "result", id: head.id }, done.map((one) => JSON.stringify(one) + "\n").join(""));
    } else if (head.type === "exit") {
      break;
    } else if (head.type !== "cancel") {
      process.exit(1);
    }
  }
  daemon.end(() => process.exit(0));
}

daemon.on("error", () => process.exit(0));
main();

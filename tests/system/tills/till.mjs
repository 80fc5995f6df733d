// A till for Node, written from daemon/TILL_SOCKET.md alone.
//
//   node till.mjs SOCKET DATABASE sell ORDER MINOR CODE    one sale in EUR
//   node till.mjs SOCKET DATABASE recover                  asks for every sale that is not finished
//
// DATABASE is a file with a line of JSON for each fact: a key before its first call, its end when
// the terminal has said it. TILL_DIES_AT=stored|started|approved|paid kills it there, for the tests.
// Prints one line a sale: KEY OUTCOME STATE REASON.
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { connect } from "node:net";

const [socketPath, database, command, order, minor, code] = process.argv.slice(2);

// MessagePack: what the contract needs of it. Integers are below 2^53 in all that a till reads.
function pack(value) {
  if (value === null) return Buffer.from([0xc0]);
  if (typeof value === "boolean") return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === "number") return head(0xce, value); // the till sends none that is below 0
  if (typeof value === "string") return Buffer.concat([head(0xdb, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Array.isArray(value)) return Buffer.concat([head(0xdd, value.length), ...value.map(pack)]);
  const pairs = Object.entries(value);
  return Buffer.concat([head(0xdf, pairs.length), ...pairs.flat().map(pack)]);
}

function head(kind, size) {
  const bytes = Buffer.from([kind, 0, 0, 0, 0]);
  bytes.writeUInt32BE(size, 1);
  return bytes;
}

class NotAllHere extends Error {}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  take(size) {
    if (this.at + size > this.bytes.length) throw new NotAllHere();
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }
  number(size) {
    return this.take(size).readUIntBE(0, size);
  }
  value() {
    const kind = this.number(1);
    if (kind < 0x80) return kind;
    if (kind < 0x90) return this.map(kind & 15);
    if (kind < 0xa0) return this.list(kind & 15);
    if (kind < 0xc0) return this.take(kind & 31).toString();
    if (kind >= 0xe0) return kind - 256;
    if (kind <= 0xc3) return [null, undefined, false, true][kind - 0xc0];
    if (kind >= 0xcc && kind <= 0xce) return this.number(1 << (kind - 0xcc));
    if (kind === 0xcf) return Number(this.take(8).readBigUInt64BE());
    if (kind >= 0xd0 && kind <= 0xd2) return this.take(1 << (kind - 0xd0)).readIntBE(0, 1 << (kind - 0xd0));
    if (kind === 0xd3) return Number(this.take(8).readBigInt64BE());
    if (kind >= 0xd9 && kind <= 0xdb) return this.take(this.number(1 << (kind - 0xd9))).toString();
    if (kind >= 0xdc && kind <= 0xdd) return this.list(this.number(2 << (kind - 0xdc)));
    if (kind >= 0xde) return this.map(this.number(2 << (kind - 0xde)));
    throw new Error(`the terminal sent 0x${kind.toString(16)}`);
  }
  list(count) {
    return Array.from({ length: count }, () => this.value());
  }
  map(count) {
    const map = {};
    for (; count > 0; count -= 1) map[this.value()] = this.value();
    return map;
  }
}

// The terminal: one call at a time is enough for a till with one customer.
class Terminal {
  constructor(path) {
    this.received = Buffer.alloc(0);
    this.lastId = 0;
    this.wire = connect(path);
    this.wire.setTimeout(70000, () => this.wire.destroy(new Error("the terminal says nothing")));
    this.wire.on("data", (bytes) => this.hear(bytes));
    this.wire.on("error", (error) => this.refuse?.(error));
    this.wire.on("close", () => this.refuse?.(new Error("the terminal hung up")));
  }
  call(method, params) {
    this.lastId += 1;
    this.wire.write(pack([0, this.lastId, method, [params]]));
    return new Promise((answer, refuse) => Object.assign(this, { answer, refuse }));
  }
  hear(bytes) {
    this.received = Buffer.concat([this.received, bytes]);
    const reader = new Reader(this.received);
    try {
      const [kind, msgid, error, result] = reader.value();
      this.received = this.received.subarray(reader.at);
      if (kind !== 1 || msgid !== this.lastId) return;
      if (error) this.refuse(Object.assign(new Error(error.message), error));
      else this.answer(result);
    } catch (error) {
      if (!(error instanceof NotAllHere)) this.refuse(error);
    }
  }
}

function remember(fact) {
  const file = openSync(database, "a");
  writeSync(file, JSON.stringify(fact) + "\n");
  fsyncSync(file);
  closeSync(file);
  if (process.env.TILL_DIES_AT === fact.is) process.kill(process.pid, "SIGKILL");
}

// Goes on with a sale wherever it stands; the same key gives the same payment, whatever happened.
async function finish(terminal, key, payment) {
  while (!payment.decided) {
    if (payment.state === "approved") {
      remember({ is: "approved", key });
      payment = await terminal.call("payment.acknowledge", { key });
    } else payment = await terminal.call("payment.wait", { key, revision: payment.revision, timeout_s: 60 });
  }
  remember({ is: payment.outcome, key });
  console.log([key, payment.outcome, payment.state, payment.reason?.code ?? ""].join(" "));
}

async function sell(terminal, key) {
  remember({ is: "stored", key, order });
  const amount = { currency: "EUR", value: Number(minor) };
  const payment = await terminal.call("payment.start", { key, order_ref: order, amount, code });
  remember({ is: "started", key });
  await finish(terminal, key, payment);
}

// The customer may have gone: what was never started is closed, what is known goes on.
async function recover(terminal, key) {
  const payment = await terminal.call("payment.get", { key }).catch((error) => {
    if (error.code !== "not_found") throw error;
    return terminal.call("payment.cancel", { key });
  });
  await finish(terminal, key, payment);
}

const facts = existsSync(database) ? readFileSync(database, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line)) : [];
const ended = new Set(facts.filter(({ is }) => is === "paid" || is === "not_paid").map(({ key }) => key));
const unfinished = facts.filter(({ is, key }) => is === "stored" && !ended.has(key));
const terminal = new Terminal(socketPath);
await terminal.call("hello", { client: "till in Node", api: [1, 0] });
for (const { key } of unfinished) await recover(terminal, key);
if (command === "sell") await sell(terminal, randomUUID());
terminal.wire.end();

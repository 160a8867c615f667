// What measured functions of Node leave behind: the same files as those of marks.py.
// Node has no shared memory with files, so the count is written at most a hundred times a second.
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";

const EVERY_MS = 10;
const here = join(process.env.LAPINQ_BENCH_MARKS ?? ".", `${process.pid}.`);
const layout = Buffer.alloc(16); // first run in nanoseconds since 1970, count: little-endian, 64 bits each

let counter;
let arrivals;
let count = 0;
let isWaiting = false;

/** Called by every empty function: counts it. */
export function ran() {
  count += 1;
  if (isWaiting) return;
  isWaiting = true;
  if (counter === undefined) {
    counter = openSync(here + "0.ran", "w");
    layout.writeBigInt64LE(nowNs(), 0);
    write();
  }
  setTimeout(write, EVERY_MS);
}

/** Notes the time, and how long ago `sentNs`, a string, was. */
export function arrived(sentNs) {
  const now = nowNs();
  arrivals ??= openSync(here + "waited", "a");
  writeSync(arrivals, `${now} ${now - BigInt(sentNs)}\n`);
}

/** Nanoseconds since 1970, to the microsecond. */
export function nowNs() {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

function write() {
  isWaiting = false;
  layout.writeBigInt64LE(BigInt(count), 8);
  writeSync(counter, layout, 0, 16, 0);
}

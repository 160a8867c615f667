// How producers in Node hand in tasks: the same as pacing.py.
import { setTimeout as sleep } from "node:timers/promises";
import { nowNs, ran } from "./marks.mjs";

export const MIX_QUEUES = ["mix0", "mix1", "mix2"];
const MIX_FAILS_EACH = 100;
const MIX_MS = 2;
const WORDS = Array.from({ length: 200 }, () => Math.random().toString(16).slice(2, 11).padEnd(9, "0"));
const PAYLOAD = Array.from({ length: 1_000 }, () => WORDS[Math.floor(Math.random() * WORDS.length)]).join(" ");
const GAP_MS = [20, 30];

/** `tasks` tasks by `put(count)`, `size` at a time, one call after the other. */
export async function inBatches(tasks, size, put) {
  const started = performance.now();
  for (let done = 0; done < tasks; done += size) await put(Math.min(size, tasks - done));
  say(tasks, performance.now() - started);
}

/** The arguments of `count` tasks of the mix, numbered on from those of the call before. */
export function nextOfMix(count) {
  mixed += count;
  return Array.from({ length: count }, (_, place) => ({ number: mixed - count + place, payload: PAYLOAD }));
}

let mixed = 0;

/** Waits as for another server, and raises if it is one of a hundred and `isFirst`. */
export async function mix(number, isFirst) {
  ran();
  await sleep(MIX_MS);
  if (number % MIX_FAILS_EACH === 0 && isFirst) throw new Error("as it should, for now");
}

/** One task after the other for `seconds`, by `connections` calls of `put` at once. */
export async function inFlight(seconds, connections, put) {
  await Promise.all(Array.from({ length: connections }, () => put())); // connections get opened, statements prepared
  const started = performance.now();
  const goOn = async () => {
    let count = 0;
    while (performance.now() - started < seconds * 1000) {
      await put();
      count += 1;
    }
    return count;
  };
  const counts = await Promise.all(Array.from({ length: connections }, goOn));
  say(counts.reduce((sum, count) => sum + count, 0), performance.now() - started);
}

/** `count` single tasks by `put(sentNs)`, so far apart that a worker idles. */
export async function nowAndThen(count, put) {
  const started = performance.now();
  for (let done = 0; done < count; done += 1) {
    await sleep(GAP_MS[0] + Math.random() * (GAP_MS[1] - GAP_MS[0]));
    await put(String(nowNs()));
  }
  say(count, performance.now() - started);
}

function say(tasks, milliseconds) {
  console.log(JSON.stringify({ tasks, seconds: milliseconds / 1000 }));
}

// How producers in Node hand in tasks: the same as pacing.py.
import { setTimeout as sleep } from "node:timers/promises";
import { nowNs } from "./marks.mjs";

const GAP_MS = [20, 30];

/** `tasks` tasks by `put(count)`, `size` at a time, one call after the other. */
export async function inBatches(tasks, size, put) {
  const started = performance.now();
  for (let done = 0; done < tasks; done += size) await put(Math.min(size, tasks - done));
  say(tasks, performance.now() - started);
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

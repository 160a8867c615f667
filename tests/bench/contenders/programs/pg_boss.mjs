// The producers and the worker of pg-boss. `migrate`; `work BATCH CONCURRENCY [FLOW_SECONDS]`; or VERB FUNCTION NUMBER…
// The packages are in LAPINQ_BENCH_PACKAGES, the database is DATABASE_URL.
import { createRequire } from "node:module";
import { arrived, ran } from "./marks.mjs";
import { MIX_QUEUES, inBatches, inFlight, mix, nextOfMix, nowAndThen } from "./pacing.mjs";

const require = createRequire(`${process.env.LAPINQ_BENCH_PACKAGES}/`);
const { PgBoss } = require("pg-boss");

const functions = {
  nothing: () => ran(),
  arrive: ({ sent }) => arrived(sent),
};

async function insertMix(boss, count) {
  const jobs = nextOfMix(count).map((data) => ({ data }));
  for (const [place, name] of MIX_QUEUES.entries())
    await boss.insert(name, jobs.filter(({ data }) => data.number % MIX_QUEUES.length === place));
}

// Graphs of `count` jobs.
const shapes = {
  fan: (count) => {
    const middle = Array.from({ length: count - 2 }, (_, n) => ({ ref: `middle ${n}`, dependsOn: ["first"] }));
    return [{ ref: "first" }, ...middle, { ref: "last", dependsOn: middle.map(({ ref }) => ref) }];
  },
  chain: (count) =>
    Array.from({ length: count }, (_, n) => (n ? { ref: `${n}`, dependsOn: [`${n - 1}`] } : { ref: "0" })),
};

const producers = {
  flows: (boss, shape, times, size) =>
    inBatches(times * size, size, (count) =>
      boss.flow(shapes[shape](count).map((job) => ({ name: "nothing", data: {}, ...job }))),
    ),
  bulk: (boss, name, tasks, size) =>
    inBatches(tasks, size, (count) =>
      name === "mix"
        ? insertMix(boss, count)
        : boss.insert(name, Array.from({ length: count }, () => ({ data: {} }))),
    ),
  single: (boss, name, seconds, connections) => inFlight(seconds, connections, () => boss.send(name, {})),
  latency: (boss, name, count) => nowAndThen(count, (sent) => boss.send(name, { sent })),
};

async function started(options) {
  const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, ...options });
  boss.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  await boss.start();
  return boss;
}

async function migrate() {
  const boss = await started();
  for (const name of [...Object.keys(functions), ...MIX_QUEUES]) await boss.createQueue(name, { notify: true });
  await boss.stop();
}

async function work(batchSize, localConcurrency, flowIntervalSeconds) {
  const flows = flowIntervalSeconds ? { flowIntervalSeconds } : {};
  const boss = await started({ useListenNotify: true, ...flows });
  const options = { batchSize, localConcurrency, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
  if (flowIntervalSeconds) options.notifyPollingIntervalSeconds = 0.5; // nobody is notified of what a flow sets free
  for (const [name, call] of Object.entries(functions)) {
    await boss.work(name, options, async (jobs) => {
      for (const { data } of jobs) call(data);
    });
  }
  // One failure would fail a batch otherwise, and nobody is notified of its retry.
  const single = { ...options, includeMetadata: true, perJobResults: true, notifyPollingIntervalSeconds: 0.5 };
  for (const name of MIX_QUEUES) {
    await boss.work(name, single, (jobs) =>
      Promise.all(
        jobs.map(async ({ id, data, retryCount }) => {
          try {
            await mix(data.number, retryCount === 0);
            return { id, status: "completed" };
          } catch (error) {
            return { id, status: "failed", output: { message: error.message } };
          }
        }),
      ),
    );
  }
  process.on("SIGTERM", () => boss.stop().then(() => process.exit(0)));
}

async function produce(verb, name, ...numbers) {
  const max = verb === "single" ? numbers[1] : 1;
  const boss = await started({ max, supervise: false, schedule: false, migrate: false });
  await producers[verb](boss, name, ...numbers);
  await boss.stop();
}

const [verb, ...rest] = process.argv.slice(2);
if (verb === "migrate") await migrate();
else if (verb === "work") await work(...rest.map(Number));
else await produce(verb, rest[0], ...rest.slice(1).map(Number));

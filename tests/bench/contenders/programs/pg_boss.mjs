// The producers and the worker of pg-boss. `migrate`; `work BATCH CONCURRENCY`; or VERB FUNCTION NUMBER…
// The packages are in LAPINQ_BENCH_PACKAGES, the database is DATABASE_URL.
import { createRequire } from "node:module";
import { arrived, ran } from "./marks.mjs";
import { inBatches, inFlight, nowAndThen } from "./pacing.mjs";

const require = createRequire(`${process.env.LAPINQ_BENCH_PACKAGES}/`);
const { PgBoss } = require("pg-boss");

const functions = {
  nothing: () => ran(),
  arrive: ({ sent }) => arrived(sent),
};

const producers = {
  bulk: (boss, name, tasks, size) =>
    inBatches(tasks, size, (count) => boss.insert(name, Array.from({ length: count }, () => ({ data: {} })))),
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
  for (const name of Object.keys(functions)) await boss.createQueue(name, { notify: true });
  await boss.stop();
}

async function work(batchSize, localConcurrency) {
  const boss = await started({ useListenNotify: true });
  for (const [name, call] of Object.entries(functions)) {
    const options = { batchSize, localConcurrency, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
    await boss.work(name, options, async (jobs) => {
      for (const { data } of jobs) call(data);
    });
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

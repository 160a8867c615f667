// The producers and the worker of graphile-worker. `migrate`; `work LOCAL_QUEUE`; or VERB FUNCTION NUMBER…
// The packages are in LAPINQ_BENCH_PACKAGES, the database is DATABASE_URL.
import { createRequire } from "node:module";
import { arrived, ran } from "./marks.mjs";
import { MIX_QUEUES, inBatches, inFlight, mix, nextOfMix, nowAndThen } from "./pacing.mjs";

const require = createRequire(`${process.env.LAPINQ_BENCH_PACKAGES}/`);
const { makeWorkerUtils, run, runMigrations } = require("graphile-worker");
const { Pool } = require("pg");

const connectionString = process.env.DATABASE_URL;

async function work(size) {
  const concurrentJobs = 24;
  const runner = await run({
    preset: {
      worker: {
        connectionString,
        concurrentJobs,
        maxPoolSize: concurrentJobs + 1,
        localQueue: { size },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    taskList: {
      nothing: async () => ran(),
      arrive: async ({ sent }) => arrived(sent),
      // Its queues run one job at a time, so a task stands for each.
      ...Object.fromEntries(
        MIX_QUEUES.map((name) => [name, ({ number }, { job }) => mix(number, job.attempts === 1)]),
      ),
    },
  });
  await runner.promise;
}

const producers = {
  bulk: (utils, identifier, tasks, size) =>
    inBatches(tasks, size, (count) =>
      utils.addJobs(
        identifier === "mix"
          ? nextOfMix(count).map((payload) => ({ identifier: MIX_QUEUES[payload.number % MIX_QUEUES.length], payload }))
          : Array.from({ length: count }, () => ({ identifier, payload: {} })),
      ),
    ),
  single: (utils, identifier, seconds, connections) =>
    inFlight(seconds, connections, () => utils.addJob(identifier, {})),
  latency: (utils, identifier, count) => nowAndThen(count, (sent) => utils.addJob(identifier, { sent })),
};

async function produce(verb, identifier, ...numbers) {
  const connections = verb === "single" ? numbers[1] : 1;
  const pgPool = new Pool({ connectionString, max: connections });
  const utils = await makeWorkerUtils({ pgPool });
  await producers[verb](utils, identifier, ...numbers);
  await utils.release();
  await pgPool.end();
}

const [verb, ...rest] = process.argv.slice(2);
if (verb === "migrate") await runMigrations({ connectionString });
else if (verb === "work") await work(Number(rest[0]));
else await produce(verb, rest[0], ...rest.slice(1).map(Number));

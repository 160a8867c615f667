-- Appends what happened in queues: a row for each queue and each of `spans`, whose time is the database's, rounded
-- down.
-- Takes a JSON array of objects, named like the columns. Returns how many seconds of the first span have passed.
-- Locks nothing and reads nothing.
WITH input AS MATERIALIZED (
    SELECT *
      FROM json_to_recordset(%(figures)s::json) AS i (
           queue_name text, started bigint, completed bigint, failed bigint, retried bigint, runs bigint[],
           waits bigint[])
), added AS (
    INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, retried, runs, waits)
    SELECT span, date_bin(make_interval(secs => span), lapinq_now(), to_timestamp(0)),
           queue_name, started, completed, failed, retried, runs, waits
      FROM input
     CROSS JOIN unnest(%(spans)s::integer[]) AS s (span)
)
SELECT mod(extract(epoch FROM lapinq_now()), (%(spans)s::integer[])[1])::float8

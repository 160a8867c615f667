-- Appends what happened to the tasks of a name in a queue: a row for each and for each of `spans`, whose time is the
-- database's, rounded down. Takes a JSON array of objects, named like the columns. Locks nothing and reads nothing.
INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed, failed, retried, runs)
SELECT span, date_bin(make_interval(secs => span), lapinq_now(), to_timestamp(0)),
       queue_name, task_name, completed, failed, retried, runs
  FROM json_to_recordset(%(figures)s::json) AS i (
       queue_name text, task_name text, completed bigint, failed bigint, retried bigint, runs bigint[])
 CROSS JOIN unnest(%(spans)s::integer[]) AS s (span)

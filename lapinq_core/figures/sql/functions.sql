-- What happened to the tasks of each name in the last `seconds`, in `queues` or in all (NULL), and who brings their function:
-- a row for each name that figures tell of or a living worker reports, those with the most attempts first, at most `most`.
-- Columns: task name; the queue with the most attempts, else the one that the worker names; how many more queues there are;
-- completed, failed, retried; the seconds that these cover; the places and counts of the buckets of run times; the
-- function's module; name, release and start of the newest living worker with it.
-- Locks nothing. Relies on lapinq_task_rollups_since; reads lapinq_workers whole, and splits what workers of one release
-- have found once for all of them.
WITH spans AS MATERIALIZED (
    SELECT span, since, until
      FROM lapinq_task_spans_1(%(span)s::integer, %(seconds)s::integer)
), seen AS MATERIALIZED (
    SELECT r.*
      FROM spans s
     CROSS JOIN LATERAL (
           SELECT queue_name, task_name, completed, failed, retried, runs
             FROM lapinq_task_rollups
            WHERE span = s.span
              AND since >= s.since
              AND since < s.until
              AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
            LIMIT 200000) AS r
), pairs AS (
    SELECT task_name, queue_name, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
           sum(retried)::bigint AS retried
      FROM seen
     GROUP BY task_name, queue_name
), names AS MATERIALIZED (
    SELECT task_name,
           (array_agg(queue_name ORDER BY completed + failed + retried DESC, queue_name COLLATE "C"))[1] AS queue_name,
           count(*)::integer AS queues, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
           sum(retried)::bigint AS retried
      FROM pairs
     GROUP BY task_name
), buckets AS (
    SELECT task_name, place, sum(run)::bigint AS run
      FROM seen
     CROSS JOIN LATERAL unnest(runs) WITH ORDINALITY AS u (run, place)
     WHERE run > 0
     GROUP BY task_name, place
), histograms AS MATERIALIZED (
    SELECT task_name, array_agg(place) AS places, array_agg(run) AS runs
      FROM buckets
     GROUP BY task_name
), living AS MATERIALIZED (
    SELECT name, release, started_at, registered
      FROM lapinq_workers
     WHERE dead_at IS NULL
       AND registered IS NOT NULL
       AND (%(queues)s::text[] IS NULL OR queues IS NULL OR queues && %(queues)s::text[])
), releases AS MATERIALIZED (
    SELECT registered, max(started_at) AS started_at
      FROM living
     GROUP BY registered
), found AS MATERIALIZED (
    SELECT task ->> 'task_name' AS task_name, min(task ->> 'queue_name') AS queue_name,
           min(task ->> 'module_path') AS module_path, max(started_at) AS started_at
      FROM releases
     CROSS JOIN LATERAL jsonb_array_elements(registered) AS task
     WHERE %(queues)s::text[] IS NULL
        OR task ->> 'queue_name' = ANY (%(queues)s::text[])
     GROUP BY task ->> 'task_name'
), newest AS MATERIALIZED (
    SELECT DISTINCT ON (started_at) started_at, name, release
      FROM living
     ORDER BY started_at, name
)
SELECT task_name, coalesce(n.queue_name, f.queue_name), greatest(n.queues - 1, 0), coalesce(n.completed, 0),
       coalesce(n.failed, 0), coalesce(n.retried, 0), extract(epoch FROM lapinq_now() - c.since)::float8, h.places, h.runs,
       f.module_path, w.name, w.release, f.started_at
  FROM (SELECT min(since) AS since FROM spans) AS c
 CROSS JOIN (names n FULL JOIN found f USING (task_name))
  LEFT JOIN histograms h USING (task_name)
  LEFT JOIN newest w ON w.started_at = f.started_at
 ORDER BY coalesce(n.completed + n.failed + n.retried, 0) DESC, task_name COLLATE "C"
 LIMIT %(most)s::integer

-- Samples how many tasks are ready and running: a row for each queue that has some, the `most` fullest, and one for all
-- queues together (''), in each of `spans`. The first sample in a span stays. Ready is NULL if more than `most_delayed`
-- tasks are delayed: counting them takes too long. Returns how many seconds of the first span have passed.
-- Locks nothing. The cost grows with the unfolded counts, the running tasks, and the delayed ones up to the limit.
WITH counted AS MATERIALIZED (
    SELECT queue_name, sum(pending)::bigint AS pending, sum(running)::bigint AS running
      FROM (SELECT queue_name, pending, 0 AS running
              FROM lapinq_counts
            UNION ALL
            SELECT queue_name, 0, count(*)
              FROM lapinq_running
             GROUP BY queue_name) AS deltas
     GROUP BY queue_name
    HAVING sum(pending) > 0
        OR sum(running) > 0
), delayed AS MATERIALIZED (
    SELECT queue_name, count(*) AS delayed
      FROM (SELECT queue_name
              FROM lapinq_delayed
             LIMIT %(most_delayed)s::integer + 1) AS few
     GROUP BY queue_name
), levels AS (
    SELECT c.queue_name,
           CASE WHEN (SELECT coalesce(sum(delayed), 0) <= %(most_delayed)s::integer FROM delayed)
                THEN greatest(c.pending - coalesce(d.delayed, 0), 0)
           END AS ready,
           c.running,
           row_number() OVER (ORDER BY c.pending + c.running DESC, c.queue_name) AS place
      FROM counted c
      LEFT JOIN delayed d USING (queue_name)
), sampled AS (
    SELECT queue_name, ready, running
      FROM levels
     WHERE place <= %(most)s::integer
    UNION ALL
    SELECT '',
           CASE WHEN count(*) = count(ready) THEN coalesce(sum(ready), 0) END,
           coalesce(sum(running), 0)
      FROM levels
), added AS (
    INSERT INTO lapinq_levels (span, since, queue_name, sampled_at, ready, running)
    SELECT span, date_bin(make_interval(secs => span), lapinq_now(), to_timestamp(0)), queue_name, lapinq_now(), ready,
           running
      FROM sampled
     CROSS JOIN unnest(%(spans)s::integer[]) AS s (span)
     ORDER BY span, queue_name
    ON CONFLICT DO NOTHING
)
SELECT mod(extract(epoch FROM lapinq_now()), (%(spans)s::integer[])[1])::float8

-- Counts failures in their groups, and makes the groups that don't exist. A failure after a group was resolved makes it
-- regressed, one after the end of its muting open.
-- Takes a JSON array of objects: `fingerprint` in hexadecimal digits, `first_ago` and `last_ago` in seconds; `spans` of
-- the counts. `worker` and `release` saw them; NULL if unknown.
-- Returns the groups that are regressed now or new, and whether they are new: they have no failures but these.
-- Locks groups in the order of their fingerprints. Relies on lapinq_error_groups_fingerprint_key.
WITH input AS MATERIALIZED (
    SELECT decode(fingerprint, 'hex') AS fingerprint, queue_name, task_name, kind, failed, retried, first_ago, last_ago,
           sample_task, sample_error, sample_frame
      FROM json_to_recordset(%(groups)s::json) AS i (
           fingerprint text, queue_name text, task_name text, kind text, failed bigint, retried bigint,
           first_ago float8, last_ago float8, sample_task uuid, sample_error text, sample_frame text)
), grouped AS (
    INSERT INTO lapinq_error_groups AS g (
           fingerprint, queue_name, task_name, kind, first_at, last_at, failed, retried, sample_task, sample_error,
           sample_frame, workers, releases)
    SELECT fingerprint, queue_name, task_name, kind, lapinq_now() - first_ago * interval '1 second',
           lapinq_now() - last_ago * interval '1 second', failed, retried, sample_task, sample_error, sample_frame,
           array_remove(ARRAY[%(worker)s::text], NULL), array_remove(ARRAY[%(release)s::text], NULL)
      FROM input
     ORDER BY fingerprint
        ON CONFLICT (fingerprint) DO UPDATE
       SET failed = g.failed + excluded.failed,
           retried = g.retried + excluded.retried,
           first_at = least(g.first_at, excluded.first_at),
           last_at = greatest(g.last_at, excluded.last_at),
           sample_task = coalesce(excluded.sample_task, g.sample_task),
           sample_error = excluded.sample_error,
           sample_frame = coalesce(excluded.sample_frame, g.sample_frame),
           workers = (excluded.workers || array_remove(g.workers, %(worker)s::text))[1:10],
           releases = (excluded.releases || array_remove(g.releases, %(release)s::text))[1:10],
           regressed_at = CASE WHEN g.state = 'resolved' AND excluded.last_at > g.state_at THEN lapinq_now()
                               ELSE g.regressed_at END,
           state = CASE WHEN g.state = 'resolved' AND excluded.last_at > g.state_at THEN 'regressed'
                        WHEN g.state = 'muted' AND g.muted_until <= lapinq_now() THEN 'open'
                        ELSE g.state END
    RETURNING g.*
), counted AS (
    INSERT INTO lapinq_error_counts (group_id, span, since, failed, retried)
    SELECT g.id, span, date_bin(make_interval(secs => span), lapinq_now(), to_timestamp(0)), i.failed, i.retried
      FROM grouped g
      JOIN input i USING (fingerprint)
     CROSS JOIN unnest(%(spans)s::integer[]) AS s (span)
)
SELECT g.failed + g.retried = i.failed + i.retried AS is_new, g.id, g.queue_name, g.task_name, g.kind, g.sample_error
  FROM grouped g
  JOIN input i USING (fingerprint)
 WHERE g.failed + g.retried = i.failed + i.retried
    OR g.state = 'regressed' AND g.regressed_at = lapinq_now()
 ORDER BY g.id

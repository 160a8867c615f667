-- Counts failures in their groups, and makes the groups that don't exist. A failure after a group was resolved makes it
-- regressed, one after the end of its muting open.
-- Takes a JSON array of objects: fingerprints in hexadecimal digits, `former` of releases that knew no places and `other`
-- of the group of all other errors of the task function; `first_ago` and `last_ago` in seconds; `spans` of the counts.
-- `worker` and `release` saw them; NULL if unknown.
-- A task function for which `most` groups failed within the last `recent` seconds gets no more: what is new to it counts
-- in the group of the others. That is looked up only for errors without a group. Of writes at once each may add some.
-- Returns the groups that are regressed now or new, and whether they are new: they have no failures but these.
-- Locks groups in the order of their fingerprints. A merge of a group at this moment may leave one with these failures.
-- Relies on lapinq_error_groups_fingerprint_key, lapinq_error_merges_pkey and lapinq_error_groups_task.
WITH input AS MATERIALIZED (
    SELECT decode(fingerprint, 'hex') AS fingerprint, decode(former, 'hex') AS former, decode(other, 'hex') AS other,
           queue_name, task_name, kind, place, failed, retried, first_ago, last_ago, sample_task, sample_error,
           sample_frame, samples
      FROM json_to_recordset(%(groups)s::json) AS i (
           fingerprint text, former text, other text, queue_name text, task_name text, kind text, place text,
           failed bigint, retried bigint, first_ago float8, last_ago float8, sample_task uuid, sample_error text,
           sample_frame text, samples text[])
), known AS MATERIALIZED (
    SELECT i.*, g.fingerprint AS counted_as, g.id AS group_id, g.state
      FROM (SELECT *, lapinq_find_error_group(fingerprint, former) AS found FROM input) AS i
      LEFT JOIN lapinq_error_groups g ON g.id = i.found
), crowds AS MATERIALIZED (
    SELECT n.queue_name, n.task_name, c.size
      FROM (SELECT DISTINCT queue_name, task_name FROM known WHERE group_id IS NULL) AS n
     CROSS JOIN LATERAL (
           SELECT count(*) AS size
             FROM (SELECT
                     FROM lapinq_error_groups g
                    WHERE g.queue_name = n.queue_name
                      AND g.task_name = n.task_name
                      AND g.last_at > lapinq_now() - %(recent)s::float8 * interval '1 second'
                    LIMIT greatest(0, %(most)s::integer)) AS lately) AS c
), placed AS MATERIALIZED (
    SELECT k.*,
           CASE WHEN k.group_id IS NOT NULL THEN k.counted_as
                WHEN c.size + row_number() OVER (PARTITION BY k.queue_name, k.task_name, k.group_id IS NULL
                                                     ORDER BY k.fingerprint) <= %(most)s::integer THEN k.fingerprint
                ELSE k.other
            END AS target
      FROM known k
      LEFT JOIN crowds c USING (queue_name, task_name)
), summed AS MATERIALIZED (
    SELECT target AS fingerprint, queue_name, task_name, sum(failed)::bigint AS failed, sum(retried)::bigint AS retried,
           max(first_ago) AS first_ago, min(last_ago) AS last_ago,
           CASE WHEN target = other THEN %(other_kind)s::text ELSE (array_agg(kind ORDER BY last_ago))[1] END AS kind,
           CASE WHEN target <> other THEN (array_agg(place ORDER BY last_ago))[1] END AS place,
           (array_agg(sample_task ORDER BY sample_task IS NULL, last_ago))[1] AS sample_task,
           (array_agg(sample_error ORDER BY last_ago))[1] AS sample_error,
           (array_agg(sample_frame ORDER BY sample_frame IS NULL, last_ago))[1] AS sample_frame
      FROM placed
     GROUP BY target, other, queue_name, task_name
), lines AS MATERIALIZED (
    SELECT target, line, min(last_ago) AS ago, min(n) AS n
      FROM placed
     CROSS JOIN unnest(samples) WITH ORDINALITY AS s (line, n)
     GROUP BY target, line
), sampled AS MATERIALIZED (
    SELECT target AS fingerprint, (array_agg(line ORDER BY ago, n))[1:5] AS samples
      FROM lines
     GROUP BY target
), adopted AS (
    INSERT INTO lapinq_error_merges (fingerprint, group_id, kind, place, merged_at)
    SELECT fingerprint, group_id, kind, place, lapinq_now()
      FROM placed
     WHERE counted_as <> fingerprint
       AND state <> 'muted'
     ORDER BY fingerprint
        ON CONFLICT (fingerprint) DO NOTHING
), grouped AS (
    INSERT INTO lapinq_error_groups AS g (
           fingerprint, queue_name, task_name, kind, place, first_at, last_at, failed, retried, sample_task, sample_error,
           sample_frame, samples, workers, releases)
    SELECT fingerprint, queue_name, task_name, kind, place, lapinq_now() - first_ago * interval '1 second',
           lapinq_now() - last_ago * interval '1 second', failed, retried, sample_task, sample_error, sample_frame,
           coalesce(samples, '{}'), array_remove(ARRAY[%(worker)s::text], NULL), array_remove(ARRAY[%(release)s::text], NULL)
      FROM summed
      LEFT JOIN sampled USING (fingerprint)
     ORDER BY fingerprint
        ON CONFLICT (fingerprint) DO UPDATE
       SET failed = g.failed + excluded.failed,
           retried = g.retried + excluded.retried,
           first_at = least(g.first_at, excluded.first_at),
           last_at = greatest(g.last_at, excluded.last_at),
           place = coalesce(g.place, excluded.place),
           sample_task = coalesce(excluded.sample_task, g.sample_task),
           sample_error = excluded.sample_error,
           sample_frame = coalesce(excluded.sample_frame, g.sample_frame),
           samples = ARRAY(SELECT line
                             FROM unnest(excluded.samples || g.samples) WITH ORDINALITY AS s (line, n)
                            GROUP BY line
                            ORDER BY min(n)
                            LIMIT 5),
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
    SELECT g.id, span, date_bin(make_interval(secs => span), lapinq_now(), to_timestamp(0)), s.failed, s.retried
      FROM grouped g
      JOIN summed s USING (fingerprint)
     CROSS JOIN unnest(%(spans)s::integer[]) AS spans (span)
)
SELECT g.failed + g.retried = s.failed + s.retried AS is_new, g.id, g.queue_name, g.task_name, g.kind, g.sample_error
  FROM grouped g
  JOIN summed s USING (fingerprint)
 WHERE g.failed + g.retried = s.failed + s.retried
    OR g.state = 'regressed' AND g.regressed_at = lapinq_now()
 ORDER BY g.id

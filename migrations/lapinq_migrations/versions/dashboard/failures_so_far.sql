-- Groups the newest failed tasks that are there, so that a release with groups doesn't begin with an empty list. The kinds
-- are those of this release's filter by kind. As for a search: one lookup of a task each, whatever the statistics say.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;

INSERT INTO lapinq_error_groups (fingerprint, queue_name, task_name, kind, first_at, last_at, failed, sample_task, sample_error)
SELECT substring(sha256(convert_to(queue_name, 'UTF8') || '\x00'::bytea || convert_to(task_name, 'UTF8') || '\x00'::bytea
                        || convert_to(kind, 'UTF8')) FOR 16),
       queue_name, task_name, kind, min(finished_at), max(finished_at), count(*),
       (array_agg(task_id ORDER BY finished_at DESC))[1], (array_agg(error ORDER BY finished_at DESC))[1]
  FROM (SELECT f.task_id, f.finished_at, f.error, t.queue_name, t.task_name,
               regexp_replace(coalesce(left(split_part(f.error, E'\n', 1), 300), ''), $holes$(?<![0-9A-Za-z_])'[^']*'|(?<![0-9A-Za-z_])"[^"]*"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(?<![0-9A-Za-z_])(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]*[a-fA-F][0-9a-fA-F]*(?![0-9A-Za-z_])|[0-9]+(?:[.,:][0-9]+)*$holes$, '*', 'g') AS kind
          FROM (SELECT task_id, finished_at, error
                  FROM lapinq_attempts
                 WHERE final
                   AND outcome = 'failed'
                 ORDER BY task_id DESC
                 LIMIT 5000) AS f
         CROSS JOIN LATERAL (
               SELECT queue_name, task_name
                 FROM lapinq_tasks
                WHERE id = f.task_id
                LIMIT 1) AS t
         WHERE f.finished_at > now() - interval '30 days') AS failed
 GROUP BY queue_name, task_name, kind
    ON CONFLICT (fingerprint) DO NOTHING;

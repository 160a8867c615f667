-- A worker's sign of life. Answers the tasks it is to stop, a JSON array of pairs of id and token. No row comes back when
-- it was declared dead: then its tasks are no longer its own.
-- Locks its own row. Relies on lapinq_running_cancel_requested.
WITH beat AS (
    UPDATE lapinq_workers
       SET beat_at = lapinq_now()
     WHERE id = %(id)s::uuid
       AND dead_at IS NULL
    RETURNING id
)
SELECT (SELECT coalesce(json_agg(json_build_array(r.id, r.token)), '[]')
          FROM lapinq_running r
         WHERE r.worker_id = beat.id
           AND r.cancel_requested_at IS NOT NULL)::text
  FROM beat

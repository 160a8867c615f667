-- Deletes up to `limit` notices that were sent or given up a week ago. Returns how many.
-- Locks the rows it deletes, skipping locked ones. Relies on lapinq_notices_ended.
WITH late AS MATERIALIZED (
    SELECT ctid AS place
      FROM lapinq_notices
     WHERE state <> 'pending'
       AND tried_at < lapinq_now() - interval '7 days'
     ORDER BY tried_at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_notices
     WHERE ctid = ANY (ARRAY(SELECT place FROM late))
    RETURNING id
)
SELECT count(*) FROM gone

-- Deletes up to `limit` bulk actions that ended a month ago. Returns how many.
-- Locks the rows it deletes, skipping locked ones. Relies on lapinq_bulk_actions_ended_at.
WITH old AS MATERIALIZED (
    SELECT id
      FROM lapinq_bulk_actions
     WHERE ended_at < lapinq_now() - interval '30 days'
     ORDER BY ended_at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_bulk_actions a
     USING old
     WHERE a.id = old.id
    RETURNING a.id
)
SELECT count(*) FROM gone

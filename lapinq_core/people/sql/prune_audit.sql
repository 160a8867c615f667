-- Deletes up to `limit` entries of the audit log that are at least `keep` seconds old, the oldest first. Returns how
-- many.
-- Locks the rows it deletes, skipping locked ones. Relies on lapinq_audit_at.
WITH old AS MATERIALIZED (
    SELECT id
      FROM lapinq_audit
     WHERE at <= lapinq_now() - %(keep)s::bigint * interval '1 second'
     ORDER BY at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_audit a
     USING old
     WHERE a.id = old.id
    RETURNING a.id
)
SELECT count(*) FROM gone

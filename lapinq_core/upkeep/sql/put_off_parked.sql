-- Puts up to `limit` parked tasks (admit.sql) that are overdue or due within a minute off for another quarter of an hour: in
-- time, so that promotion doesn't meet them. Returns how many.
-- Locks the rows it puts off, skipping locked ones. Relies on lapinq_delayed_parked_due, and finds the rows again by their
-- place.
WITH near AS MATERIALIZED (
    SELECT ctid
      FROM lapinq_delayed
     WHERE parked_for IS NOT NULL
       AND due_at <= lapinq_now() + interval '1 minute'
     ORDER BY due_at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), put_off AS (
    UPDATE lapinq_delayed d
       SET due_at = date_trunc('second', lapinq_now()) + interval '15 minutes'
     WHERE d.ctid = ANY ((SELECT array_agg(ctid) FROM near)::tid[])
    RETURNING 1
)
SELECT count(*) FROM put_off

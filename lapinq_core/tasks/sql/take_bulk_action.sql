-- Takes the bulk action that waits longest for a server, for `lease` seconds: one that is new, that its server gave back, or
-- whose server has fallen silent. No row if there is none.
-- Locks its row, skipping one that another server takes. Relies on lapinq_bulk_actions_free_at.
WITH free AS MATERIALIZED (
    SELECT id
      FROM lapinq_bulk_actions
     WHERE ended_at IS NULL
       AND free_at <= lapinq_now()
     ORDER BY free_at
     LIMIT 1
       FOR UPDATE SKIP LOCKED
)
UPDATE lapinq_bulk_actions a
   SET token = gen_random_uuid(),
       free_at = lapinq_now() + make_interval(secs => %(lease)s::float8)
  FROM free
 WHERE a.id = free.id
RETURNING a.id::text, a.token::text, a.verb, a.filters::text, a.named_arguments, a.queues, a.actor_kind, a.actor_id, a.actor,
          a.entry_id, a.created_at, a.until::text, a.reached::text, a.remaining::text[]

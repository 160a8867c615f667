-- Notes at a queue whether it has a circuit breaker, if it says otherwise. If no policy governs it yet, claims wait for those under way, which may
-- not know the breaker. Locks the queue's row. Relies on lapinq_queues_pkey.
INSERT INTO lapinq_queues AS q (name, has_breaker, governed_xid, governed_at)
VALUES (%(name)s::text, %(has_breaker)s::boolean, pg_current_xact_id()::text::bigint, lapinq_now())
    ON CONFLICT (name) DO UPDATE
   SET has_breaker = excluded.has_breaker,
       governed_xid = CASE WHEN q.is_governed THEN q.governed_xid ELSE excluded.governed_xid END,
       governed_at = CASE WHEN q.is_governed THEN q.governed_at ELSE excluded.governed_at END
 WHERE q.has_breaker <> excluded.has_breaker

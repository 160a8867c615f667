-- Closes the circuit breaker of a queue by hand: it counts afresh. Returns no row if it has none or it is closed.
-- Locks the row of the breaker; the caller holds the lock of the queue's row. Relies on lapinq_breakers_pkey; open breakers
-- have no counts.
UPDATE lapinq_breakers
   SET state = 'closed',
       since = lapinq_now(),
       since_seq = (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lapinq_claim_seq),
       in_row = 0,
       probe_id = NULL,
       probe_seq = NULL
 WHERE queue_name = %(queue)s::text
   AND state <> 'closed'
RETURNING queue_name

-- Closes a circuit breaker by hand: it counts from zero. Returns no row if there is none or it is closed.
-- Locks the row of the breaker; the caller holds its lock (breakers.LOCKS). Relies on lapinq_circuit_breakers_pkey; open
-- breakers have no counts.
UPDATE lapinq_circuit_breakers
   SET state = 'closed',
       since = lapinq_now(),
       since_seq = (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lapinq_claim_seq),
       in_row = 0,
       probe_id = NULL,
       probe_seq = NULL
 WHERE kind = %(kind)s::text
   AND name = %(name)s::text
   AND state <> 'closed'
RETURNING name

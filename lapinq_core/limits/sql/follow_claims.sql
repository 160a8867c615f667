-- For claim.sql, after charge_governed.sql, for a queue with a circuit breaker: notes which attempts it started, and that
-- the one it lets start while it is half open is its probe. Locks the row of the
-- breaker; the caller holds the lock of the queue's row.
followed AS (
    INSERT INTO lapinq_breaker_starts (queue_name, seq, task_id, claimed_at)
    SELECT %(queue)s::text, claim_seq, id, lapinq_now()
      FROM claimed
     WHERE (SELECT has_breaker FROM q)
), probed AS (
    UPDATE lapinq_breakers b
       SET probe_id = c.id,
           probe_seq = c.claim_seq
      FROM claimed c
     WHERE b.queue_name = %(queue)s::text
       AND b.state = 'half_open'
)

-- Notes for the keys of started tasks what these used: in fair order virtual time, of a rate for each key a start. In strict
-- order the task that started last holds its key.
-- Locks the rows that it writes; the caller holds the lock of the queue's row. Relies on lapinq_keys_pkey.
CREATE FUNCTION lapinq_charge_keys_2(q lapinq_queues, picks lapinq_pick_2[]) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
    IF q.rate_per_key IS NOT NULL THEN
        INSERT INTO lapinq_keys AS k (queue_name, key, virtual_time, tokens, tokens_at, holder, changed_at)
        SELECT q.name, p.key, CASE q.start_order WHEN 'fair' THEN max(p.time) ELSE coalesce(max(x.virtual_time), 0) END,
               lapinq_tokens(q.rate_per_key, max(x.tokens), max(x.tokens_at)) - count(*),
               lapinq_refilled_at(q.rate_per_key, max(x.tokens_at)), (array_agg(p.id))[1], lapinq_now()
          FROM unnest(picks) AS p
          LEFT JOIN LATERAL (
               SELECT y.virtual_time, y.tokens, y.tokens_at
                 FROM lapinq_keys y
                WHERE y.queue_name = q.name
                  AND y.key = p.key
                LIMIT 1) AS x ON true
         GROUP BY p.key
            ON CONFLICT (queue_name, key) DO UPDATE
           SET virtual_time = excluded.virtual_time,
               tokens = excluded.tokens,
               tokens_at = excluded.tokens_at,
               holder = excluded.holder,
               changed_at = excluded.changed_at;
    ELSE
        INSERT INTO lapinq_keys AS k (queue_name, key, virtual_time, holder, changed_at)
        SELECT q.name, p.key, CASE q.start_order WHEN 'fair' THEN max(p.time) ELSE 0 END, (array_agg(p.id))[1], lapinq_now()
          FROM unnest(picks) AS p
         GROUP BY p.key
            ON CONFLICT (queue_name, key) DO UPDATE
           SET virtual_time = greatest(k.virtual_time, excluded.virtual_time),
               holder = excluded.holder,
               changed_at = excluded.changed_at;
    END IF;
END
$function$;

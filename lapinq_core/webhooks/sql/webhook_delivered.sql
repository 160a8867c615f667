-- Notes that a webhook was taken by its receiver. Answers how many rows it changed: none when the lease is another's by
-- now, or somebody asked to send it again meanwhile. `lease` is the due_at that came with it.
-- Locks the row. Relies on the primary key.
WITH changed AS (
    UPDATE lapinq_webhooks
       SET state = 'delivered', answer = %(answer)s::smallint, failure = NULL
     WHERE seq = %(seq)s::bigint
       AND state = 'pending'
       AND due_at = %(lease)s::timestamptz
    RETURNING seq
)
SELECT count(*) FROM changed

-- Records that the receiver accepted a webhook. Returns how many rows it changed: none if another scheduler has the
-- lease by now, or somebody has requested to send it again. `lease` is the due_at that came with the webhook.
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

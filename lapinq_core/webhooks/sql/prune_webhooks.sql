-- Deletes up to `limit` webhooks delivered a week ago, and as many given up a month ago. Returns how many.
-- Locks the rows it deletes, skipping locked ones. Relies on lapinq_webhooks_ended.
WITH late_delivered AS MATERIALIZED (
    SELECT ctid AS place
      FROM lapinq_webhooks
     WHERE state = 'delivered'
       AND tried_at < lapinq_now() - interval '7 days'
     ORDER BY tried_at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), late_given_up AS MATERIALIZED (
    SELECT ctid AS place
      FROM lapinq_webhooks
     WHERE state = 'given_up'
       AND tried_at < lapinq_now() - interval '30 days'
     ORDER BY tried_at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_webhooks
     WHERE ctid = ANY (ARRAY(SELECT place FROM late_delivered UNION ALL SELECT place FROM late_given_up))
    RETURNING seq
)
SELECT count(*) FROM gone

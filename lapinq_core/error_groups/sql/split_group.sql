-- Takes an error out of the group into which it was merged. From now on it has one of its own again, which is open and has
-- counted nothing: what it counted stays where it was. Returns the id; no row if the error is not in the group.
-- Locks the merge, and a group that there is already. Relies on lapinq_error_merges_pkey.
WITH taken AS (
    DELETE FROM lapinq_error_merges
     WHERE fingerprint = decode(%(fingerprint)s::text, 'hex')
       AND group_id = %(id)s::bigint
    RETURNING fingerprint, kind, place
)
INSERT INTO lapinq_error_groups AS g (fingerprint, queue_name, task_name, kind, place, first_at, last_at)
SELECT t.fingerprint, o.queue_name, o.task_name, t.kind, t.place, lapinq_now(), lapinq_now()
  FROM taken t
  JOIN lapinq_error_groups o ON o.id = %(id)s::bigint
    ON CONFLICT (fingerprint) DO UPDATE SET kind = g.kind
RETURNING id

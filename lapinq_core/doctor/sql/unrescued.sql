-- Workers that hold tasks although they have been dead, or silent past their lease, for more than `unrescued` seconds:
-- name and number of tasks. The most first, at most ten. A worker that is not listed counts from its oldest claim.
-- Locks nothing. Reads all of lapinq_running, which is small.
SELECT coalesce(w.name, r.worker_id::text),
       count(*)
  FROM lapinq_running r
  LEFT JOIN lapinq_workers w ON w.id = r.worker_id
 GROUP BY r.worker_id, w.id
HAVING coalesce(w.dead_at, w.beat_at + w.lease_seconds * interval '1 second', min(r.claimed_at))
       < lapinq_now() - %(unrescued)s::float8 * interval '1 second'
 ORDER BY count(*) DESC, 1
 LIMIT 10

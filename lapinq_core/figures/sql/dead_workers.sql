-- Workers that were declared dead in the last `seconds`, the last one first, at most `most`: id, name, time. A worker
-- that stops deletes its row. Locks nothing. Scans workers, which are few.
SELECT id::text, name, dead_at
  FROM lapinq_workers
 WHERE dead_at >= lapinq_now() - %(seconds)s::float8 * interval '1 second'
 ORDER BY dead_at DESC, id
 LIMIT %(most)s::integer

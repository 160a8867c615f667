-- Records that a session is in use. If another transaction touches or ends it right now, does nothing.
-- Locks the row, if it is free. Relies on lapinq_sessions_pkey.
WITH free AS MATERIALIZED (
    SELECT token_hash
      FROM lapinq_sessions
     WHERE token_hash = %(token_hash)s::bytea
       FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE lapinq_sessions s
   SET seen_at = lapinq_now()
  FROM free
 WHERE s.token_hash = free.token_hash

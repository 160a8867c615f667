-- Records when keys were last used, given how many seconds ago. A use older than the stored one changes nothing, nor
-- does one of a deleted key. Locks the rows by ascending id, because other servers write the same ones.
-- Relies on lapinq_api_keys_pkey.
WITH used AS MATERIALIZED (
    SELECT k.id, lapinq_now() - u.seconds_ago * interval '1 second' AS at
      FROM lapinq_api_keys k
      JOIN unnest(%(ids)s::bigint[], %(seconds_ago)s::float8[]) AS u (id, seconds_ago) ON u.id = k.id
     ORDER BY k.id
       FOR UPDATE OF k
)
UPDATE lapinq_api_keys k
   SET last_used_at = used.at
  FROM used
 WHERE k.id = used.id
   AND (k.last_used_at IS NULL OR k.last_used_at < used.at)

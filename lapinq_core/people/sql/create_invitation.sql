-- Makes a one-time link for a user, instead of an earlier one. Returns the user's name and when the link expires; no row
-- for an unknown user. A user has one link at most, so the table stays small.
-- Locks the rows it deletes. Relies on lapinq_invitations_user_id and lapinq_users_pkey.
WITH earlier AS (
    DELETE FROM lapinq_invitations
     WHERE user_id = %(user_id)s::bigint
)
INSERT INTO lapinq_invitations (token_hash, user_id, purpose, created_at, created_by, expires_at)
SELECT %(token_hash)s::bytea, u.id, %(purpose)s::text, lapinq_now(), %(created_by)s::text,
       lapinq_now() + %(seconds)s::float8 * interval '1 second'
  FROM lapinq_users u
 WHERE u.id = %(user_id)s::bigint
RETURNING (SELECT username FROM lapinq_users WHERE id = user_id), expires_at

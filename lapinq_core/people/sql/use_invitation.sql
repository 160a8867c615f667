-- Uses up a one-time link, and sets the password of its user. Returns the user's id and name; no row if the link was used
-- or replaced, or has expired. Of two that use it, the second waits and finds it used.
-- Locks the link, then the user. Relies on lapinq_invitations_pkey and lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because the default password may be gone.
WITH used AS (
    UPDATE lapinq_invitations
       SET used_at = lapinq_now()
     WHERE token_hash = %(token_hash)s::bytea
       AND used_at IS NULL
       AND expires_at > lapinq_now()
    RETURNING user_id
), changed AS (
    UPDATE lapinq_users u
       SET password_hash = %(password_hash)s::text,
           has_default_password = false
      FROM used
     WHERE u.id = used.user_id
    RETURNING u.id, u.username
)
SELECT id, username, pg_notify('lapinq_access', 'user ' || id)
  FROM changed

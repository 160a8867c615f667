-- Uses up a one-time link, and sets the password of its user. Returns the user's id and name; no row if the link was used
-- or replaced, or has expired. Of two that use it, the second waits and finds it used. Of two that admins made at the same
-- moment, the other stops working.
-- Locks the links, then the user. Relies on lapinq_invitations_pkey, lapinq_invitations_user_id and lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because the default password may be gone.
WITH used AS (
    UPDATE lapinq_invitations
       SET used_at = lapinq_now()
     WHERE token_hash = %(token_hash)s::bytea
       AND used_at IS NULL
       AND expires_at > lapinq_now()
    RETURNING user_id
), others AS (
    DELETE FROM lapinq_invitations i
     USING used
     WHERE i.user_id = used.user_id
       AND i.token_hash <> %(token_hash)s::bytea
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

-- Sets a new password if the user still has the old one. Returns a row if so; none if the user is gone or the password
-- has changed since. An open one-time link of the user stops working.
-- Locks the links, then the user, as use_invitation.sql does. Relies on lapinq_users_pkey and lapinq_invitations_user_id.
-- Notifies every server on the channel lapinq_access, because the default password may be gone.
WITH links AS MATERIALIZED (
    SELECT token_hash
      FROM lapinq_invitations
     WHERE user_id = %(id)s::bigint
       FOR UPDATE
), changed AS (
    UPDATE lapinq_users
       SET password_hash = %(password_hash)s::text,
           has_default_password = false
     WHERE id = %(id)s::bigint
       AND password_hash = %(old_hash)s::text
       AND (SELECT count(*) FROM links) >= 0
    RETURNING id
), gone AS (
    DELETE FROM lapinq_invitations i
     USING links, changed
     WHERE i.token_hash = links.token_hash
)
SELECT id, pg_notify('lapinq_access', 'user ' || id) FROM changed

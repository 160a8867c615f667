-- name: amend_audit
-- Adds to a number in the details of an entry. Locks the entry. Relies on lapinq_audit_pkey.
UPDATE lapinq_audit
   SET details = jsonb_set(details, ARRAY[%(name)s::text],
                           to_jsonb(coalesce((details ->> %(name)s::text)::bigint, 0) + %(more)s::bigint))
 WHERE id = %(id)s::bigint

-- name: count_keys
-- How many keys there are. Locks nothing.
SELECT count(*) FROM lapinq_api_keys

-- name: count_sessions
-- How many valid sessions each user has, and when one was last used. Locks nothing. It reads the whole table: at most a
-- hundred rows per user.
SELECT user_id, count(*), max(seen_at)
  FROM lapinq_sessions
 WHERE seen_at > lapinq_now() - make_interval(secs => %(idle)s::float8)
   AND created_at > lapinq_now() - make_interval(secs => %(absolute)s::float8)
 GROUP BY user_id

-- name: create_user
-- Creates a user. Returns it; no row if the name is taken, ignoring case.
-- Locks nothing that exists. Relies on lapinq_users_username.
INSERT INTO lapinq_users (username, password_hash, role, permissions, reads, created_at)
VALUES (%(username)s::text, %(password_hash)s::text, %(role)s::text, '{}', %(reads)s::text[], lapinq_now())
    ON CONFLICT (lower(username)) DO NOTHING
RETURNING id, username, role, permissions::text, reads, has_default_password, created_at

-- name: create_view
-- Saves a view, not shared. No row if the user has one of this page with this name.
-- Locks nothing that exists. Relies on lapinq_views_name_key.
INSERT INTO lapinq_views AS v (owner_id, name, page, query, created_at)
VALUES (%(owner_id)s::bigint, %(name)s::text, %(page)s::text, %(query)s::text, lapinq_now())
    ON CONFLICT (owner_id, page, name) DO NOTHING
RETURNING v.id, v.name, v.page, v.query, v.is_shared,
          (SELECT username FROM lapinq_users u WHERE u.id = v.owner_id), true, v.created_at

-- name: default_login
-- The name of a user who still has the default password. Locks nothing. Scans the users, which are few.
SELECT username
  FROM lapinq_users
 WHERE has_default_password
 ORDER BY id
 LIMIT 1

-- name: delete_key
-- Deletes a key, and notifies every server on the channel lapinq_access to drop its cached keys. No row if there is
-- none.
-- Locks its row. Relies on lapinq_api_keys_pkey.
WITH gone AS (
    DELETE FROM lapinq_api_keys
     WHERE id = %(id)s::bigint
    RETURNING id, name
)
SELECT name, pg_notify('lapinq_access', 'key ' || id) FROM gone

-- name: delete_view
-- Deletes a view: one of the user's own, for an admin also one that is shared. No row if there is none.
-- Locks its row. Relies on lapinq_views_pkey.
DELETE FROM lapinq_views
 WHERE id = %(id)s::bigint
   AND (owner_id = %(user_id)s::bigint OR (%(is_admin)s::boolean AND is_shared))
RETURNING name, is_shared

-- name: end_session
-- Ends the session of a token. Returns its id, its user's id and name; no row if there is none.
-- Locks the row. Relies on lapinq_sessions_pkey.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
DELETE FROM lapinq_sessions s
 USING lapinq_users u
 WHERE s.token_hash = %(token_hash)s::bytea
   AND u.id = s.user_id
RETURNING s.id::text, u.id, u.username, pg_notify('lapinq_access', 'user ' || u.id)

-- name: find_credentials
-- What a login is checked against, by name, ignoring case. Locks nothing. Relies on lapinq_users_username.
SELECT id, username, password_hash, has_default_password
  FROM lapinq_users
 WHERE lower(username) = lower(%(username)s::text)

-- name: find_invitation
-- The user of a one-time link that still works: id, name and purpose. Locks nothing. Relies on lapinq_invitations_pkey.
SELECT u.id, u.username, i.purpose
  FROM lapinq_invitations i
  JOIN lapinq_users u ON u.id = i.user_id
 WHERE i.token_hash = %(token_hash)s::bytea
   AND i.used_at IS NULL
   AND i.expires_at > lapinq_now()

-- name: find_key
-- A key that has not expired, and what it is limited to. Locks nothing. Relies on lapinq_api_keys_pkey.
SELECT id, name, scopes, queues
  FROM lapinq_api_keys
 WHERE id = %(id)s::bigint
   AND (expires_at IS NULL OR expires_at > lapinq_now())

-- name: find_keys
-- The keys with these digests that have not expired, what they are limited to, and in how many seconds they expire.
-- Locks nothing. Relies on lapinq_api_keys_key_hash_key.
SELECT key_hash, id, name, scopes, queues, extract(epoch FROM expires_at - lapinq_now())::float8
  FROM lapinq_api_keys
 WHERE key_hash = ANY(%(digests)s::bytea[])
   AND (expires_at IS NULL OR expires_at > lapinq_now())

-- name: find_session
-- A session that is neither idle for too long nor too old, with its user as they are now; is_stale says that its last
-- use should be recorded. Locks nothing. Relies on lapinq_sessions_pkey and lapinq_users_pkey.
SELECT s.id::text, u.id, u.username, u.role, u.permissions::text, u.reads, u.has_default_password,
       (SELECT d.username FROM lapinq_users d WHERE d.has_default_password ORDER BY d.id LIMIT 1),
       s.seen_at < lapinq_now() - make_interval(secs => %(touch)s::float8)
  FROM lapinq_sessions s
  JOIN lapinq_users u ON u.id = s.user_id
 WHERE s.token_hash = %(token_hash)s::bytea
   AND s.seen_at > lapinq_now() - make_interval(secs => %(idle)s::float8)
   AND s.created_at > lapinq_now() - make_interval(secs => %(absolute)s::float8)

-- name: find_user
-- What a user may do. Locks nothing. Relies on lapinq_users_pkey.
SELECT id, username, role, permissions::text, reads
  FROM lapinq_users
 WHERE id = %(id)s::bigint

-- name: fold_username
-- A username in lower case as lapinq_users_username compares it: other languages' rules for lower case differ.
-- Locks nothing.
SELECT lower(%(username)s::text)

-- name: forget_login_tries
-- Deletes the count of a key. Locks the row. Relies on lapinq_login_tries_pkey.
DELETE FROM lapinq_login_tries
 WHERE key = %(key)s::text

-- name: has_users
-- Whether there is any user. Locks nothing.
SELECT EXISTS (SELECT FROM lapinq_users)

-- name: list_audit
-- Entries of the audit log, newest first. {conditions} come from `audit_filters.py`.
-- Locks nothing. Relies on lapinq_audit_pkey, or on the index of the filtered column.
SELECT id, at, actor_kind, actor_id, actor, action, target, details, address, request_id
  FROM lapinq_audit
 WHERE {conditions}
 ORDER BY id DESC
 LIMIT %(limit)s::integer

-- name: list_keys
-- All keys, by name; the one before the last says whether it has expired. Locks nothing.
SELECT k.id, k.name, k.scopes, k.queues, k.hint, u.username, k.created_by, k.created_at, k.expires_at,
       coalesce(k.expires_at <= lapinq_now(), false), k.last_used_at
  FROM lapinq_api_keys k
  LEFT JOIN lapinq_users u ON u.id = k.owner_id
 ORDER BY k.name COLLATE "C"

-- name: list_owned_keys
-- The names of a user's keys. Locks nothing.
SELECT name FROM lapinq_api_keys WHERE owner_id = %(id)s::bigint ORDER BY name COLLATE "C"

-- name: list_sessions
-- A user's valid sessions, the last used first. Locks nothing. Relies on lapinq_sessions_user_id.
SELECT id::text, created_at, seen_at, address, user_agent, token_hash = %(token_hash)s::bytea
  FROM lapinq_sessions
 WHERE user_id = %(user_id)s::bigint
   AND seen_at > lapinq_now() - make_interval(secs => %(idle)s::float8)
   AND created_at > lapinq_now() - make_interval(secs => %(absolute)s::float8)
 ORDER BY seen_at DESC, id

-- name: list_users
-- All users by name. Locks nothing. Relies on lapinq_users_username.
SELECT id, username, role, permissions::text, reads, has_default_password, created_at
  FROM lapinq_users
 ORDER BY lower(username)

-- name: list_views
-- The views that a user sees, by name: their own and, with `shared`, shared ones; of one page, or (NULL) of all. At most
-- 1,000.
-- Locks nothing. Relies on lapinq_views_name_key, lapinq_views_shared and lapinq_users_pkey.
SELECT v.id, v.name, v.page, v.query, v.is_shared, u.username, v.owner_id = %(user_id)s::bigint, v.created_at
  FROM lapinq_views v
  JOIN lapinq_users u ON u.id = v.owner_id
 WHERE (v.owner_id = %(user_id)s::bigint OR (v.is_shared AND %(shared)s::boolean))
   AND (%(page)s::text IS NULL OR v.page = %(page)s::text)
 ORDER BY v.name, v.id
 LIMIT 1000

-- name: open_invitations
-- The one-time links that still work: whose, for what, and until when. Locks nothing. Reads lapinq_invitations whole, which
-- has a row a user at most.
SELECT user_id, purpose, expires_at
  FROM lapinq_invitations
 WHERE used_at IS NULL
   AND expires_at > lapinq_now()

-- name: record_audit
-- Adds an entry to the audit log, and returns its id. Locks nothing that exists.
INSERT INTO lapinq_audit (at, actor_kind, actor_id, actor, action, target, details, address, request_id)
VALUES (lapinq_now(), %(actor_kind)s::text, %(actor_id)s::bigint, %(actor)s::text, %(action)s::text, %(target)s::text,
        %(details)s::jsonb, %(address)s::text, %(request_id)s::text)
RETURNING id

-- name: rehash_password
-- Stores the same password, hashed again at today's cost; nothing if it has changed since.
-- Locks the row. Relies on lapinq_users_pkey.
UPDATE lapinq_users
   SET password_hash = %(password_hash)s::text
 WHERE id = %(id)s::bigint
   AND password_hash = %(old_hash)s::text

-- name: revoke_all_sessions
-- Ends all sessions of a user. Returns the user's name and the ids of the sessions; no row for an unknown user.
-- Locks the rows it deletes. Relies on lapinq_sessions_user_id and lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
WITH ended AS (
    DELETE FROM lapinq_sessions
     WHERE user_id = %(user_id)s::bigint
    RETURNING id::text AS id, pg_notify('lapinq_access', 'user ' || user_id) AS notified
)
SELECT u.username, ARRAY(SELECT id FROM ended WHERE notified IS NOT NULL ORDER BY id)
  FROM lapinq_users u
 WHERE u.id = %(user_id)s::bigint

-- name: revoke_session
-- Ends a session of a user, by its id. Returns a row if there was one. Locks the row. Relies on
-- lapinq_sessions_id_key.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
DELETE FROM lapinq_sessions
 WHERE id = %(id)s::uuid
   AND user_id = %(user_id)s::bigint
RETURNING id::text, pg_notify('lapinq_access', 'user ' || user_id)

-- name: revoke_sessions
-- Ends all sessions of a user except that of a token. Returns their ids.
-- Locks the rows it deletes. Relies on lapinq_sessions_user_id.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
DELETE FROM lapinq_sessions
 WHERE user_id = %(user_id)s::bigint
   AND token_hash <> %(token_hash)s::bytea
RETURNING id::text, pg_notify('lapinq_access', 'user ' || user_id)

-- name: set_permissions
-- Replaces a user's permissions. Returns the user; no row for an unknown id. Locks the row. Relies on
-- lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
UPDATE lapinq_users
   SET permissions = %(permissions)s::jsonb
 WHERE id = %(id)s::bigint
RETURNING id, username, role, permissions::text, reads, has_default_password, created_at,
          pg_notify('lapinq_access', 'user ' || id)

-- name: set_reads
-- Sets which queues a user may read; NULL is all. Returns the user; no row for an unknown id. Locks the row. Relies on
-- lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
UPDATE lapinq_users
   SET reads = %(reads)s::text[]
 WHERE id = %(id)s::bigint
RETURNING id, username, role, permissions::text, reads, has_default_password, created_at,
          pg_notify('lapinq_access', 'user ' || id)

-- name: share_view
-- Shares a view, or no longer: one of the user's own, or one that is shared. No row if there is none.
-- Locks its row. Relies on lapinq_views_pkey.
UPDATE lapinq_views
   SET is_shared = %(is_shared)s::boolean
 WHERE id = %(id)s::bigint
   AND (owner_id = %(user_id)s::bigint OR is_shared)
RETURNING name

-- name: trim_sessions
-- Ends all but the `most` newest sessions of a user. Locks the rows it deletes. Relies on lapinq_sessions_user_id.
DELETE FROM lapinq_sessions
 WHERE token_hash IN (
       SELECT token_hash
         FROM lapinq_sessions
        WHERE user_id = %(user_id)s::bigint
        ORDER BY created_at DESC, id
       OFFSET %(most)s::integer)

-- name: uncount_login_try
-- Subtracts one try from the count of a key. Locks the row. Relies on lapinq_login_tries_pkey.
UPDATE lapinq_login_tries
   SET tries = greatest(tries - 1, 0)
 WHERE key = %(key)s::text

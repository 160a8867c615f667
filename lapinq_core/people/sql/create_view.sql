-- Saves a view, not shared. No row if the user has one of this page with this name.
-- Locks nothing that exists. Relies on lapinq_views_name_key.
INSERT INTO lapinq_views AS v (owner_id, name, page, query, created_at)
VALUES (%(owner_id)s::bigint, %(name)s::text, %(page)s::text, %(query)s::text, lapinq_now())
    ON CONFLICT (owner_id, page, name) DO NOTHING
RETURNING v.id, v.name, v.page, v.query, v.is_shared,
          (SELECT username FROM lapinq_users u WHERE u.id = v.owner_id), true, v.created_at

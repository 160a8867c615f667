-- The views that a user sees, by name: their own and shared ones; of one page, or (NULL) of all. At most 1,000.
-- Locks nothing. Relies on lapinq_views_name_key, lapinq_views_shared and lapinq_users_pkey.
SELECT v.id, v.name, v.page, v.query, v.is_shared, u.username, v.owner_id = %(user_id)s::bigint, v.created_at
  FROM lapinq_views v
  JOIN lapinq_users u ON u.id = v.owner_id
 WHERE (v.owner_id = %(user_id)s::bigint OR v.is_shared)
   AND (%(page)s::text IS NULL OR v.page = %(page)s::text)
 ORDER BY v.name, v.id
 LIMIT 1000

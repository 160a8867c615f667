-- Adds to a number in the details of an entry. Locks the entry. Relies on lapinq_audit_pkey.
UPDATE lapinq_audit
   SET details = jsonb_set(details, ARRAY[%(name)s::text],
                           to_jsonb(coalesce((details ->> %(name)s::text)::bigint, 0) + %(more)s::bigint))
 WHERE id = %(id)s::bigint

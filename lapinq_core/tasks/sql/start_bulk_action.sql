-- Adds a bulk action, for any server to take; one without a task (`until` is null) has ended. Locks nothing that exists.
INSERT INTO lapinq_bulk_actions
       (id, verb, filters, named_arguments, queues, expected, actor_kind, actor_id, actor, entry_id, created_at, until, free_at,
        ended_at, outcome)
VALUES (%(id)s::uuid, %(verb)s::text, %(filters)s::jsonb, %(named_arguments)s::text, %(queues)s::text[],
        %(expected)s::bigint, %(actor_kind)s::text, %(actor_id)s::bigint, %(actor)s::text, %(entry_id)s::bigint,
        coalesce(%(started)s::timestamptz, lapinq_now()),
        %(until)s::uuid, lapinq_now(), CASE WHEN %(until)s::uuid IS NULL THEN lapinq_now() END,
        CASE WHEN %(until)s::uuid IS NULL THEN 'completed' END)
RETURNING {columns}

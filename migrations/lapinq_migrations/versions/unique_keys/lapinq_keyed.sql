-- The tasks of a request that have a unique key, with their numbers from 0. `seconds` is how long a task holds its key if
-- `until` is NULL. A debounced task replaces the one that waits, and holds its key until it starts.
CREATE FUNCTION lapinq_keyed(tasks json)
    RETURNS TABLE (number integer, id uuid, queue_name text, scheduled_at timestamptz, key text, until text,
                   seconds double precision, on_conflict text, delay double precision, max_wait double precision,
                   task json)
    LANGUAGE sql STABLE
AS $function$
    SELECT (given.ordinality - 1)::integer,
           (given.value->>'id')::uuid,
           coalesce(given.value->>'queue_name', 'default'),
           (given.value->>'scheduled_at')::timestamptz,
           rule.value->>'key',
           CASE WHEN rule.is_debounce THEN 'started'
                WHEN json_typeof(rule.value->'until') = 'number' THEN NULL
                ELSE coalesce(rule.value->>'until', 'finished') END,
           CASE WHEN json_typeof(rule.value->'until') = 'number' THEN (rule.value->>'until')::double precision END,
           CASE WHEN rule.is_debounce THEN 'replace' ELSE coalesce(rule.value->>'on_conflict', 'return') END,
           CASE WHEN rule.is_debounce THEN (rule.value->>'delay')::double precision END,
           CASE WHEN rule.is_debounce THEN (rule.value->>'max_wait')::double precision END,
           given.value
      FROM json_array_elements(tasks) WITH ORDINALITY AS given
     CROSS JOIN LATERAL (
           VALUES (given.value->'unique', false), (given.value->'debounce', true)
           ) AS rule (value, is_debounce)
     WHERE rule.value IS NOT NULL
       AND json_typeof(rule.value) = 'object'
$function$;

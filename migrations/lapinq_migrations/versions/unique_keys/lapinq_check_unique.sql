-- Checks `unique` or `debounce` of a task for lapinq_enqueue, as `domain.tasks.unique` does for others: a wrong value
-- raises SQLSTATE 22023 with the field's name.
CREATE FUNCTION lapinq_check_unique(name text, rule jsonb) RETURNS void
    LANGUAGE plpgsql
AS $function$
DECLARE
    ten_years CONSTANT integer := 315576000;
    is_debounce CONSTANT boolean := name = 'debounce';
    seconds numeric := CASE WHEN jsonb_typeof(rule->'until') = 'number' THEN (rule->>'until')::numeric END;
    delay numeric;
    longest numeric;
    wrong record;
BEGIN
    SELECT coalesce(field.name, given.key) AS field,
           CASE WHEN field.name IS NULL THEN 'is not a known field'
                WHEN given.key IS NULL THEN 'is required'
                ELSE format('must be %s, not %s', field.kind, given.kind) END AS problem
      INTO wrong
      FROM (SELECT *
              FROM (VALUES ('key', 'a string', true, NULL), ('on_conflict', 'a string', false, false),
                           ('until', 'a number or a string', false, false), ('delay', 'a number', true, true),
                           ('max_wait', 'a number', false, true)
                   ) AS every (name, kind, is_required, of_debounce)
             WHERE of_debounce IS NULL OR of_debounce = is_debounce
           ) AS field
      FULL JOIN (
           SELECT key,
                  CASE jsonb_typeof(value) WHEN 'string' THEN 'a string' WHEN 'array' THEN 'a list'
                       WHEN 'object' THEN 'an object' WHEN 'null' THEN 'null' WHEN 'boolean' THEN 'a boolean'
                       ELSE 'a number' END AS kind
             FROM jsonb_each(rule)
           ) AS given ON given.key = field.name
     WHERE field.name IS NULL
        OR CASE WHEN given.key IS NULL OR given.kind = 'null' THEN field.is_required
                ELSE field.kind NOT LIKE '%' || given.kind || '%' END
     LIMIT 1;
    IF NOT FOUND THEN
        delay := (rule->>'delay')::numeric;
        longest := (rule->>'max_wait')::numeric;
        SELECT broken.field, broken.problem
          INTO wrong
          FROM (VALUES
                ('key', char_length(rule->>'key') NOT BETWEEN 1 AND 255, 'must have 1 to 255 characters'),
                ('key', rule->>'key' ~ '[\u0001-\u001F\u007F-\u009F]', 'must not contain control characters'),
                ('until', CASE WHEN seconds IS NULL THEN rule->>'until' NOT IN ('started', 'finished')
                               ELSE seconds <= 0 OR seconds > ten_years END,
                 'must be "started", "finished" or a number of seconds, more than 0 and at most 315576000 (ten years)'),
                ('on_conflict', rule->>'on_conflict' NOT IN ('return', 'reject', 'replace'),
                 'must be "return", "reject" or "replace"'),
                ('delay', delay NOT BETWEEN 0 AND ten_years,
                 'must be a number of seconds between 0 and 315576000 (ten years)'),
                ('delay', delay = 0, 'must be more than 0'),
                ('max_wait', longest NOT BETWEEN 0 AND ten_years,
                 'must be a number of seconds between 0 and 315576000 (ten years)'),
                ('max_wait', longest < delay, 'must not be less than the delay')
               ) AS broken (field, is_broken, problem)
         WHERE is_broken
         LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION '%.%: %', name, wrong.field, wrong.problem
            USING ERRCODE = '22023', COLUMN = name || '.' || wrong.field;
    END IF;
END
$function$;

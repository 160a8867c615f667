-- Enqueues a task from SQL, for programs in any language: docs/reference/sql.md.
-- The checks and their messages are those of `POST /api/v1/enqueue` (lapinq_core.domain.tasks.task). A wrong value raises
-- SQLSTATE 22023 with the field's name. What stores the task is lapinq_store_tasks, as for everybody. Workers hear of it when
-- the transaction commits.
-- Locks nothing that exists, but for a task with a unique key what lapinq_meet_unique_keys locks.
CREATE OR REPLACE FUNCTION lapinq_enqueue(task jsonb) RETURNS uuid
    LANGUAGE plpgsql
AS $function$
DECLARE
    -- What Python's str.isprintable refuses, but for code points without a character.
    unprintable CONSTANT text := '[\u0001-\u001F\u007F-\u00A0\u00AD\u0600-\u0605\u061C\u06DD\u070F\u0890-\u0891\u08E2'
        '\u1680\u180E\u2000-\u200F\u2028-\u202F\u205F-\u2064\u2066-\u206F\u3000\uE000-\uF8FF\uFEFF\uFFF9-\uFFFB'
        '\U000110BD\U000110CD\U00013430-\U00013438\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0001'
        '\U000E0020-\U000E007F\U000F0000-\U000FFFFD\U00100000-\U0010FFFD]';
    -- Letters beyond ASCII depend on the database's locale, so any such character counts as one.
    dotted_name CONSTANT text := '^([A-Za-z_]|[^\u0001-\u007F])(\w|[^\u0001-\u007F])*'
        '(\.([A-Za-z_]|[^\u0001-\u007F])(\w|[^\u0001-\u007F])*)*$';
    web_address CONSTANT text := '^https?://(?:[^/?#]*@)?(?:\[[0-9a-f:.]+\]|[^/?#@:\[\]]+)(?::(\d*))?(?:[/?#].*)?$';
    iso_time CONSTANT text := '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$';
    too_deep CONSTANT jsonpath := 'strict $.**{100} ? (@.type() == "object" || @.type() == "array")';
    too_large CONSTANT jsonpath := 'strict $.** ? (@.type() == "number" && (@ >= 1e4300 || @ <= -1e4300'
        ' || (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308) && @ != @.floor()))';
    ten_years CONSTANT integer := 315576000;
    queue text := coalesce(task->>'queue_name', 'default');
    arguments jsonb := coalesce(nullif(task->'args', 'null'), '[]');
    keywords jsonb := coalesce(nullif(task->'kwargs', 'null'), '{}');
    address text := task->>'webhook_url';
    moment text := replace(task->>'scheduled_at', ',', '.');
    note jsonb := nullif(task->'metadata', 'null');
    about text := task->>'key';
    shares jsonb := nullif(nullif(task->'limits', 'null'), '{}');
    lane text;
    rule jsonb := coalesce(nullif(task->'unique', 'null'), nullif(task->'debounce', 'null'));
    rule_name CONSTANT text := CASE WHEN coalesce(task->'unique', 'null') <> 'null' THEN 'unique' ELSE 'debounce' END;
    is_debounce CONSTANT boolean := rule_name = 'debounce';
    entry jsonb;
    met json;
    stored record;
    retries numeric;
    priority numeric;
    delay numeric;
    lifetime numeric;
    time_limit numeric;
    due timestamptz;
    wrong record;
    new_id uuid;
BEGIN
    IF jsonb_typeof(task) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'task: must be an object' USING ERRCODE = '22023', COLUMN = 'task';
    END IF;

    SELECT coalesce(field.name, given.key) AS field,
           CASE WHEN field.name IS NULL THEN 'is not a known field'
                WHEN given.key IS NULL THEN 'is required'
                ELSE format('must be %s, not %s', field.kind, given.kind) END AS problem
      INTO wrong
      FROM (VALUES ('task_name', 'a string', true), ('module_path', 'a string', true), ('queue_name', 'a string', false),
                   ('args', 'a list', false), ('kwargs', 'an object', false), ('scheduled_at', 'a string', false),
                   ('max_retries', 'an integer', false), ('priority', 'an integer', false),
                   ('ttl_seconds', 'a number', false), ('metadata', 'an object', false),
                   ('retry_delay', 'a number', false), ('retry_backoff', 'true or false', false),
                   ('webhook_url', 'a string', false), ('timeout_seconds', 'a number', false),
                   ('key', 'a string', false), ('limits', 'an object', false),
                   ('unique', 'an object', false), ('debounce', 'an object', false)
           ) AS field (name, kind, is_required)
      FULL JOIN (
           SELECT key, value,
                  CASE jsonb_typeof(value) WHEN 'string' THEN 'a string' WHEN 'array' THEN 'a list'
                       WHEN 'object' THEN 'an object' WHEN 'null' THEN 'null' WHEN 'boolean' THEN 'a boolean'
                       ELSE CASE WHEN value::text LIKE '%.%' THEN 'a decimal fraction' ELSE 'an integer' END END AS kind
             FROM jsonb_each(task)
           ) AS given ON given.key = field.name
     WHERE field.name IS NULL
        OR CASE WHEN given.key IS NULL THEN field.is_required
                WHEN given.kind = 'null' THEN field.is_required
                WHEN field.kind = 'a number' THEN given.kind NOT IN ('an integer', 'a decimal fraction')
                WHEN field.kind = 'true or false' THEN given.kind <> 'a boolean'
                ELSE given.kind <> field.kind END
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: %', wrong.field, wrong.problem USING ERRCODE = '22023', COLUMN = wrong.field;
    END IF;

    IF rule IS NOT NULL THEN
        PERFORM lapinq_check_unique(rule_name, rule);
        IF NOT is_debounce AND coalesce(task->'debounce', 'null') <> 'null' THEN
            RAISE EXCEPTION 'debounce: cannot be combined with unique' USING ERRCODE = '22023', COLUMN = 'debounce';
        END IF;
        IF is_debounce AND moment IS NOT NULL THEN
            RAISE EXCEPTION 'debounce: cannot be combined with scheduled_at'
                USING ERRCODE = '22023', COLUMN = 'debounce';
        END IF;
    END IF;

    retries := coalesce((task->>'max_retries')::numeric, 3);
    priority := coalesce((task->>'priority')::numeric, 0);
    delay := coalesce((task->>'retry_delay')::numeric, 10);
    lifetime := (task->>'ttl_seconds')::numeric;
    time_limit := (task->>'timeout_seconds')::numeric;
    IF moment ~ iso_time THEN
        BEGIN
            due := CASE WHEN moment ~ '[Z+]|:.*-' THEN moment::timestamptz ELSE moment::timestamp AT TIME ZONE 'UTC' END;
        EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
            due := NULL;
        END;
    END IF;

    SELECT rule.field, rule.problem
      INTO wrong
      FROM (VALUES
            ('task_name', char_length(task->>'task_name') NOT BETWEEN 1 AND 255, 'must have 1 to 255 characters'),
            ('task_name', task->>'task_name' ~ unprintable OR btrim(task->>'task_name') = '',
             'must have printable characters only'),
            ('queue_name', char_length(queue) NOT BETWEEN 1 AND 255, 'must have 1 to 255 characters'),
            ('queue_name', queue ~ unprintable OR btrim(queue) = '', 'must have printable characters only'),
            ('module_path', char_length(task->>'module_path') > 1000 OR task->>'module_path' !~ dotted_name,
             'must be a dotted Python module name such as app.tasks'),
            ('max_retries', retries NOT BETWEEN 0 AND 100, 'must be between 0 and 100'),
            ('priority', priority NOT BETWEEN -2147483648 AND 2147483647, 'must be between -2147483648 and 2147483647'),
            ('retry_delay', delay NOT BETWEEN 0 AND ten_years,
             'must be a number of seconds between 0 and 315576000 (ten years)'),
            ('ttl_seconds', lifetime NOT BETWEEN 0 AND ten_years,
             'must be a number of seconds between 0 and 315576000 (ten years)'),
            ('timeout_seconds', time_limit NOT BETWEEN 0 AND ten_years,
             'must be a number of seconds between 0 and 315576000 (ten years)'),
            ('timeout_seconds', time_limit = 0, 'must be more than 0'),
            ('key', char_length(about) NOT BETWEEN 1 AND 255, 'must have 1 to 255 characters'),
            ('key', about ~ '[\u0001-\u001F\u007F-\u009F]', 'must not contain control characters'),
            ('limits', (SELECT count(*) FROM jsonb_object_keys(shares)) > 10, 'must have at most 10 limits'),
            ('webhook_url',
             char_length(address) > 2000 OR address ~ unprintable OR address LIKE '% %' OR address !~* web_address
             OR coalesce(nullif((regexp_match(address, web_address, 'i'))[1], ''), '1')::numeric NOT BETWEEN 1 AND 65535,
             'must be an http or https URL with a host, at most 2000 characters'),
            ('scheduled_at', moment IS NOT NULL AND due IS NULL,
             'must be an ISO 8601 time such as 2030-01-31T12:00:00Z'),
            ('scheduled_at', due NOT BETWEEN lapinq_now() - interval '36525 days' AND lapinq_now() + interval '36525 days',
             'must be within a hundred years from now'),
            ('args', jsonb_path_exists(arguments, too_deep), 'must not be nested more than 100 levels deep'),
            ('kwargs', jsonb_path_exists(keywords, too_deep), 'must not be nested more than 100 levels deep'),
            ('metadata', jsonb_path_exists(note, too_deep), 'must not be nested more than 100 levels deep'),
            ('args', jsonb_path_exists(arguments, too_large), 'must have numbers within range'),
            ('kwargs', jsonb_path_exists(keywords, too_large), 'must have numbers within range'),
            ('metadata', jsonb_path_exists(note, too_large), 'must have numbers within range')
           ) AS rule (field, is_broken, problem)
     WHERE rule.is_broken
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: %', wrong.field, wrong.problem USING ERRCODE = '22023', COLUMN = wrong.field;
    END IF;

    lane := lapinq_lane(about, shares);
    IF octet_length(queue) + octet_length(lane) > 2600 THEN
        RAISE EXCEPTION '%: %', CASE WHEN shares IS NULL THEN 'key' ELSE 'limits' END, 'must not be so long: its queue''s'
            ' name, its key and the names of its limits have more than 2600 bytes together'
            USING ERRCODE = '22023', COLUMN = CASE WHEN shares IS NULL THEN 'key' ELSE 'limits' END;
    END IF;
    IF shares IS NOT NULL THEN
        SELECT 'limits.' || given.name AS field, rule.problem
          INTO wrong
          FROM (SELECT one.key AS name, jsonb_typeof(one.value) AS kind, one.value::text LIKE '%.%' AS is_fraction,
                       CASE WHEN jsonb_typeof(one.value) = 'number' THEN (one.value#>>'{}')::numeric END AS units
                  FROM jsonb_each(shares) AS one) AS given
          LEFT JOIN lapinq_limits l ON l.name = given.name
         CROSS JOIN LATERAL (VALUES
               (1, given.name !~ '^[A-Za-z0-9_.:-]{1,100}$',
                'must be a name of 1 to 100 ASCII letters, digits, _ . : or -'),
               (2, given.units IS NULL OR given.is_fraction,
                'must be an integer, not ' || CASE given.kind WHEN 'string' THEN 'a string' WHEN 'array' THEN 'a list'
                    WHEN 'object' THEN 'an object' WHEN 'null' THEN 'null' WHEN 'boolean' THEN 'a boolean'
                    ELSE 'a decimal fraction' END),
               (3, given.units NOT BETWEEN 1 AND 1000000000000, 'must be between 1 and 1000000000000'),
               (4, l.name IS NULL, 'is not a limit that exists'),
               (5, given.units > (l.rate->>'burst')::numeric,
                format('must be at most %s, the burst of the limit''s rate: it could never start', l.rate->>'burst'))
               ) AS rule (number, is_broken, problem)
         WHERE rule.is_broken
         ORDER BY rule.number, given.name
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '%: %', wrong.field, wrong.problem USING ERRCODE = '22023', COLUMN = wrong.field;
        END IF;
    END IF;

    new_id := lapinq_new_id();
    SELECT jsonb_object_agg(field.key, field.value)
           || jsonb_build_object('id', new_id, 'scheduled_at', due, 'limits', shares)
      INTO entry
      FROM jsonb_each(task) AS field
     WHERE field.value <> 'null';
    IF rule IS NOT NULL THEN
        met := lapinq_meet_unique_keys(json_build_array(entry))->0;
        CASE met->>1
            WHEN 'rejected' THEN
                RAISE EXCEPTION 'unique.key: the task % has it', met->>2
                    USING ERRCODE = '23505', COLUMN = 'unique.key', DETAIL = met->>2;
            WHEN 'existing' THEN
                RETURN met->>2;
            WHEN 'replaced' THEN
                PERFORM pg_notify('lapinq_ready', queue);
                RETURN met->>2;
            ELSE
                entry := entry || jsonb_build_object('scheduled_at', coalesce((met->>3)::timestamptz, due));
        END CASE;
    END IF;
    SELECT * INTO stored FROM lapinq_store_tasks(json_build_array(entry));
    IF stored.queues <> '{}' THEN
        PERFORM pg_notify('lapinq_ready', queue);
    ELSIF stored.due_in <= 1 THEN
        PERFORM pg_notify('lapinq_delayed', stored.due_in::text);
    END IF;
    IF lifetime = 0 AND lane IS NULL AND rule IS NULL THEN
        RETURN NULL;  -- fire and forget
    END IF;
    RETURN new_id;
END
$function$;

COMMENT ON FUNCTION lapinq_enqueue(jsonb) IS
    'Enqueues a task in this transaction. Takes the fields of POST /api/v1/enqueue; returns the id, NULL for a'
    ' fire-and-forget task without key, limits and unique key.';

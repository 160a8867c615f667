-- The place of an error, as lapinq_core/error_groups/shapes.py tells it: the last two frames of the user's code in a
-- traceback, or its last frame; NULL without any. Without regular expressions where it can: those with parts take a
-- hundred times as long.
CREATE FUNCTION lapinq_error_place(traceback text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000
AS $function$
DECLARE
    pieces text[] := string_to_array(traceback, 'File "');
    head   text;
    file   text;
    rest   text;
    frame  text;
    last   text;
    own    text[] := '{}';
BEGIN
    FOR n IN REVERSE coalesce(cardinality(pieces), 0)..2 LOOP
        head := split_part(pieces[n], E'\n', 1);
        file := split_part(head, '"', 1);
        rest := substr(head, length(file) + 2);
        CONTINUE WHEN NOT starts_with(rest, ', line ');
        file := replace(file, '\', '/');
        frame := split_part(file, '/', -1) || ' ' || split_part(rest, ', in ', 2) || ': '
                 || left(btrim(split_part(pieces[n], E'\n', 2), E' \t|'), 200);
        last := coalesce(last, frame);
        IF file NOT LIKE ALL (ARRAY[
               '%/lapinq\_core/%', '%/lapinq\_worker/%', '%/lapinq\_scheduler/%', '%/lapinq\_api/%', '%/lapinq\_migrations/%',
               '%/site-packages/%', '%/dist-packages/%', '%.egg/%', '<frozen %', '%/lib/python3%/%', '%/lib64/python3%/%',
               '%/lib/asyncio/%', '%/Lib/asyncio/%', '%/lib/concurrent/%', '%/Lib/concurrent/%', '%/lib/importlib/%',
               '%/Lib/importlib/%'])
           AND (file NOT LIKE '%/Python3%' OR file !~ '/Python3[0-9]+/[Ll]ib/') THEN
            own := own || frame;
        END IF;
        EXIT WHEN cardinality(own) = 2;
    END LOOP;
    RETURN coalesce(nullif(array_to_string(own, E'\n'), ''), last);
END
$function$;

-- The group in which an error counts, by what identifies it now and what did before 0069; NULL if there is none.
-- Somebody who muted an error before 0069 meant that message alone: it stays muted without its like.
-- Locks nothing. Relies on lapinq_error_groups_fingerprint_key and lapinq_error_merges_pkey.
CREATE FUNCTION lapinq_find_error_group(fingerprint bytea, former bytea) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100
AS $function$
BEGIN
    RETURN coalesce(
        (SELECT g.id
           FROM lapinq_error_groups g
          WHERE g.fingerprint = former
            AND former <> lapinq_find_error_group.fingerprint
            AND g.state = 'muted'
            AND (g.muted_until IS NULL OR g.muted_until > lapinq_now())),
        (SELECT m.group_id FROM lapinq_error_merges m WHERE m.fingerprint = lapinq_find_error_group.fingerprint),
        (SELECT g.id FROM lapinq_error_groups g WHERE g.fingerprint = lapinq_find_error_group.fingerprint),
        (SELECT m.group_id FROM lapinq_error_merges m WHERE m.fingerprint = former),
        (SELECT g.id FROM lapinq_error_groups g WHERE g.fingerprint = former));
END
$function$;

-- The group of an error as an attempt stores it, or that of all other errors of its task function; NULL if there is
-- neither. The same as `shape_of` and `fingerprint_of` in Python.
CREATE FUNCTION lapinq_error_group(queue_name text, task_name text, error text, traceback text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 2000
AS $function$
DECLARE
    function_of bytea   := convert_to(queue_name, 'UTF8') || '\x00'::bytea || convert_to(task_name, 'UTF8') || '\x00'::bytea;
    line        text    := left(split_part(coalesce(error, ''), E'\n', 1), 300);
    begin_of    text    := split_part(line, ':', 1);
    error_type  text    := CASE WHEN begin_of ~ '^[A-Za-z_][A-Za-z0-9_.<>]*$' THEN begin_of ELSE '' END;
    place       text    := lapinq_error_place(traceback);
    holes       text    := $holes$[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(?<![0-9A-Za-z_])(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]*[a-fA-F][0-9a-fA-F]*(?![0-9A-Za-z_])|[0-9]+(?:[.,:][0-9]+)*$holes$;
    quotes      text    := $holes$(?<![0-9A-Za-z_])'[^']*'|(?<![0-9A-Za-z_])"[^"]*"|$holes$;
    names_code  boolean := split_part(error_type, '.', -1) IN (
                               'AttributeError', 'ImportError', 'KeyError', 'ModuleNotFoundError', 'NameError',
                               'TaskNotAllowed', 'TaskNotFound', 'UnboundLocalError');
    former      text    := regexp_replace(line, quotes || holes, '*', 'g');
    shape       text    := CASE WHEN place IS NOT NULL THEN error_type || E'\n' || place
                                WHEN names_code THEN regexp_replace(line, holes, '*', 'g')
                                ELSE former END;
BEGIN
    RETURN coalesce(
        lapinq_find_error_group(
            substring(sha256(function_of || convert_to(shape, 'UTF8')) FOR 16),
            substring(sha256(function_of || convert_to(former, 'UTF8')) FOR 16)),
        (SELECT g.id
           FROM lapinq_error_groups g
          WHERE g.fingerprint = substring(sha256(function_of || convert_to('(other errors)', 'UTF8')) FOR 16)));
END
$function$;

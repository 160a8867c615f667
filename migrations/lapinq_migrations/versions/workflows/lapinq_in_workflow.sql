-- Whether the id is that of a task in a workflow: a UUIDv8.
CREATE FUNCTION lapinq_in_workflow(id uuid) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $function$
SELECT get_byte(uuid_send(id), 6) & 240 = 128
$function$;

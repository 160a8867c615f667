-- Stores a workflow, or more tasks of one that the caller has locked, all or none.
-- Takes `workflow`, an object: `id`; of a new one `name`, `metadata` and `is_open`. `tasks`, an array: what lapinq_store_tasks
-- takes, in parts. `graph`, an object of arrays: for each task its `ids`, `refs`, `waits_for` and `after_failure`; for each
-- edge its `parents` and `children`. A task with parents is blocked; `waits_for` counts them all, those included that have
-- ended.
-- Returns what lapinq_store_tasks does. Locks nothing but what it is about.
CREATE FUNCTION lapinq_store_workflow_1(workflow json, tasks json, graph json, OUT queues text[], OUT due_in double precision)
LANGUAGE plpgsql AS $function$
DECLARE
    its_id CONSTANT uuid := workflow ->> 'id';
    is_new CONSTANT boolean := workflow ->> 'name' IS NOT NULL;
    g record;
BEGIN
    SELECT * INTO g
      FROM json_to_record(graph) AS x (ids uuid[], refs text[], waits_for integer[], after_failure text[], parents uuid[],
                                       children uuid[]);
    IF is_new THEN
        INSERT INTO lapinq_workflows (id, name, metadata, is_open, created_at, pending, kept)
        VALUES (its_id, workflow ->> 'name', nullif(workflow ->> 'metadata', 'null')::jsonb,
                (workflow ->> 'is_open')::boolean, lapinq_now(), cardinality(g.ids), cardinality(g.ids));
        IF cardinality(g.ids) = 0 THEN
            PERFORM lapinq_end_workflows_1(ARRAY[its_id]);
        END IF;
    ELSE
        UPDATE lapinq_workflows w
           SET pending = w.pending + cardinality(g.ids),
               kept = w.kept + cardinality(g.ids)
         WHERE w.id = its_id;
    END IF;

    SELECT coalesce(array_agg(DISTINCT one.queue) FILTER (WHERE one.queue IS NOT NULL), '{}'), min(part.due_in)
      INTO queues, due_in
      FROM json_array_elements(tasks) AS batch
     CROSS JOIN lapinq_store_tasks(batch) AS part
      LEFT JOIN unnest(part.queues) AS one (queue) ON true;
    INSERT INTO lapinq_workflow_tasks (task_id, workflow_id, ref, after_failure, waits_for)
    SELECT one.id, its_id, one.ref, one.after_failure, one.waits_for
      FROM unnest(g.ids, g.refs, g.after_failure, g.waits_for) AS one (id, ref, after_failure, waits_for);
    INSERT INTO lapinq_workflow_edges (parent_id, child_id)
    SELECT * FROM unnest(g.parents, g.children);
    IF NOT is_new THEN
        PERFORM lapinq_advance_workflows_1('{}', ARRAY(SELECT DISTINCT child FROM unnest(g.children) AS child));
    END IF;
END
$function$;

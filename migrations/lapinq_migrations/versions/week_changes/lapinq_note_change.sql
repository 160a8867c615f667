-- Trigger on the partitions of a watched week. A sequence counts changes that are rolled back, too, and every snapshot
-- sees its value. With the rights of the owner: who may write a task need not have any on the sequence.
CREATE FUNCTION lapinq_note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM nextval(format('%I.%I', TG_TABLE_SCHEMA, 'lapinq_changes_' || right(TG_TABLE_NAME, 8))::regclass);
    RETURN NULL;
END
$$;

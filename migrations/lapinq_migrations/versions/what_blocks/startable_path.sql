-- lapinq_startable has the rights of its owner (revision 0049), so the caller's search path must not choose what it reads.
DO $$
DECLARE
    home regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = 'lapinq_queues'::regclass);
BEGIN
    EXECUTE format('ALTER FUNCTION lapinq_startable(text) SECURITY DEFINER SET search_path = pg_catalog, %s, pg_temp', home);
END
$$

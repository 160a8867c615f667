-- Whether claims of a queue need its lock. A column, because every claim asks, and set by the database, so that no statement
-- of any release can forget it. What claims themselves write doesn't fire it.
CREATE OR REPLACE FUNCTION lapinq_note_governed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.is_governed := NEW.is_laned
                       OR num_nonnulls(NEW.max_running, NEW.max_running_per_key, NEW.rate, NEW.rate_per_key) > 0
                       OR NEW.start_order <> 'priority'
                       OR NEW.has_breaker;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER lapinq_governed
    BEFORE INSERT OR UPDATE OF is_laned, max_running, max_running_per_key, rate, rate_per_key, start_order, has_breaker,
                               is_governed
    ON lapinq_queues
    FOR EACH ROW EXECUTE FUNCTION lapinq_note_governed();

-- Also where a superuser switches triggers off.
ALTER TABLE lapinq_queues ENABLE ALWAYS TRIGGER lapinq_governed;

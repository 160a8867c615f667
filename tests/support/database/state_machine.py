"""A trigger, built from TRANSITIONS, that refuses every move between statuses which is not listed there.

It looks at the end of each transaction at each task that was touched, so what a statement does in between is its own
affair. A task of a workflow may be stored or reopened, and ended because of a parent, all in one. It also refuses a
task that is in two places at once.
"""

import contextlib

import psycopg
from psycopg import sql

from lapinq_core.domain.tasks.state import TRANSITIONS, Status

_INSTALL = """
CREATE TABLE test_states (id uuid PRIMARY KEY, status text NOT NULL);
CREATE TABLE test_transitions (before text NOT NULL, after text NOT NULL, PRIMARY KEY (before, after));

CREATE FUNCTION test_check_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    task uuid := CASE WHEN TG_OP = 'DELETE' THEN (to_jsonb(OLD) ->> TG_ARGV[0])::uuid
                      ELSE (to_jsonb(NEW) ->> TG_ARGV[0])::uuid END;
    places text[];
    known text;
BEGIN
    places := ARRAY(SELECT 'pending' FROM lapinq_ready WHERE id = task
                    UNION ALL SELECT 'pending' FROM lapinq_delayed WHERE id = task
                    UNION ALL SELECT 'running' FROM lapinq_running WHERE id = task
                    UNION ALL SELECT outcome FROM lapinq_attempts WHERE task_id = task AND final);
    IF cardinality(places) = 0 THEN
        IF EXISTS (SELECT FROM lapinq_tasks WHERE id = task) THEN
            RAISE EXCEPTION 'task % stands nowhere', task;
        END IF;
        DELETE FROM test_states WHERE id = task;
        RETURN NULL;
    ELSIF cardinality(places) > 1 THEN
        RAISE EXCEPTION 'task % stands in several places: %', task, places;
    END IF;
    SELECT status INTO known FROM test_states WHERE id = task;
    IF known IS DISTINCT FROM places[1]
       AND NOT (lapinq_in_workflow(task) AND places[1] IN ('cancelled', 'failed'))
       AND NOT EXISTS (SELECT FROM test_transitions WHERE before = coalesce(known, 'new') AND after = places[1]) THEN
        RAISE EXCEPTION 'task % may not go from % to %', task, coalesce(known, 'new'), places[1];
    END IF;
    INSERT INTO test_states VALUES (task, places[1])
        ON CONFLICT (id) DO UPDATE SET status = excluded.status WHERE test_states.status <> excluded.status;
    RETURN NULL;
END
$$;
"""

_TRIES = 5
_TABLES = {"lapinq_ready": "id", "lapinq_delayed": "id", "lapinq_running": "id", "lapinq_attempts": "task_id"}


def install(url: str) -> None:
    """Puts the trigger into a database, for good. Programs may use it meanwhile."""
    for _ in range(_TRIES - 1):
        # Its locks on all these tables may meet those of a statement in another order.
        with contextlib.suppress(psycopg.errors.DeadlockDetected):
            return _install(url)
    return _install(url)


def _install(url: str) -> None:
    moves = [("new", Status.PENDING)]
    moves += [(before, after) for before, afters in TRANSITIONS.items() for after in afters]
    with psycopg.connect(url) as conn:
        conn.execute(_INSTALL)
        for before, after in moves:
            conn.execute("INSERT INTO test_transitions VALUES (%s, %s)", (str(before), str(after)))
        for table, key in _TABLES.items():
            conn.execute(
                sql.SQL(
                    "CREATE CONSTRAINT TRIGGER test_check_state AFTER INSERT OR UPDATE OR DELETE ON {}"
                    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION test_check_state({})"
                ).format(sql.Identifier(table), sql.Literal(key))
            )
        conn.execute("INSERT INTO test_states SELECT id, status FROM lapinq_task_details")

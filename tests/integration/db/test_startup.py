"""A database that takes connections and does not answer, as a pooler does that has none to it left."""

from contextlib import ExitStack

import pytest

from lapinq_core.db import startup
from lapinq_core.db.errors import DatabaseUnavailable
from tests.support.database.proxy import proxy
from tests.support.programs.processes import Program

FIRST_LOOK = b"to_regclass"


def test_the_first_look_at_the_schema_has_a_limit(
    shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "CHECK_SECONDS", 0.5)
    with proxy(shared_database) as between:
        between.swallow_after(FIRST_LOOK)
        with pytest.raises(DatabaseUnavailable, match=r"did not answer within 0\.5 s"):
            startup.prepare_schema(between.url, migrates=False)
        between.heal()
        startup.prepare_schema(between.url, migrates=False)


def test_programs_that_wait_for_it_can_be_stopped(shared_database: str) -> None:
    # The scheduler waits as the worker does.
    with ExitStack() as running:

        def start(*command: str) -> Program:
            between = running.enter_context(proxy(shared_database))
            between.swallow_after(FIRST_LOOK)
            return running.enter_context(Program(*command, env={"DATABASE_URL": between.url}))

        for program in [start("server", "--port", "0"), start("worker")]:
            program.said("did not answer within")
            assert program.stop() == 0, program.output

"""lapinq in a schema and with a role of its own, in the database of an application, as the documentation sets it up."""

import re
import uuid

import psycopg
import pytest
from psycopg import errors
from psycopg import sql as psql
from psycopg.conninfo import make_conninfo

from lapinq import TaskQueue
from lapinq.testing import Database, DatabaseWorker
from tests.support.database.invariants import statuses
from tests.support.database.postgres import private_database
from tests.support.programs.command_line import lapinq
from tests.support.programs.processes import REPOSITORY
from tests.support.sample import tasks

PAGE = (REPOSITORY / "docs/operate/security.md").read_text()
SECTION = PAGE.partition("## Database, schema and role")[2].partition("\n## ")[0]
SCRIPTS = re.findall(r"```sql\n(.*?)```", SECTION, re.DOTALL)


def test_an_application_enqueues_in_its_transactions_and_neither_reads_the_tables_of_the_other(
    postgres_url: str,
) -> None:
    ours, theirs = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("lapinq", "shop"))
    with private_database(postgres_url) as url, psycopg.connect(url, autocommit=True) as admin:
        set_up, grant = (_named(script, ours, theirs, admin.info.dbname) for script in SCRIPTS)
        admin.execute(psql.SQL("CREATE ROLE {} LOGIN PASSWORD '…'").format(psql.Identifier(theirs)))
        try:
            admin.execute(set_up)  # pyright: ignore[reportArgumentType, reportCallIssue]
            admin.execute("CREATE TABLE public.orders (id integer)")
            admin.execute(psql.SQL("ALTER TABLE public.orders OWNER TO {}").format(psql.Identifier(theirs)))
            daemons, application = (make_conninfo(url, user=role, password="…") for role in (ours, theirs))
            assert lapinq(daemons, "migrate").exit_code == 0
            admin.execute(grant)  # pyright: ignore[reportArgumentType, reportCallIssue]
            queue = TaskQueue(url)
            add = queue.task(tasks.add)
            with psycopg.connect(application) as shop:
                shop.execute("INSERT INTO orders VALUES (7)")
                add.using(shop).queue(1, 2)
                with queue.using(shop).workflow("sums") as flow:
                    flow.add(add, flow.add(add, 1, 2), 3)
            with psycopg.connect(application) as shop:
                add.using(shop).queue(1, 2)
                shop.rollback()
                with pytest.raises(errors.InsufficientPrivilege):
                    shop.execute("SELECT password_hash FROM lapinq_users")
            with psycopg.connect(daemons) as conn, pytest.raises(errors.InsufficientPrivilege):
                conn.execute("SELECT * FROM public.orders")
            DatabaseWorker(Database(daemons)).drain()
            assert statuses(daemons) == {"completed": 3}
        finally:
            for role in (ours, theirs):
                name = psql.Identifier(role)
                admin.execute(psql.SQL("DROP OWNED BY {} CASCADE").format(name))
                admin.execute(psql.SQL("DROP ROLE {}").format(name))


def _named(script: str, ours: str, theirs: str, database: str) -> str:
    """The script with the names of this test, where the page has `lapinq` and `shop` as roles and database."""
    script = re.sub(r"DATABASE shop", f'DATABASE "{database}"', script)
    script = re.sub(r"(ROLE|AUTHORIZATION) lapinq\b", rf"\1 {ours}", script)
    return re.sub(r"(ROLE|TO) shop\b", rf"\1 {theirs}", script)

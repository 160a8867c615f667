"""Every block of README.md and docs/guide does what it shows, on a server with a worker.

A block of Python is lines of a program in examples/, or it runs: those of a page in order, in one folder of modules. A
block of commands runs them, or checks them where they would start a program that goes on. Of other languages each has a
check in `CHECKS`: a block without a rule fails.
"""

import ast
import asyncio
import importlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest

from lapinq import TaskQueue
from lapinq.testing import captured, running_as
from lapinq_api.app import build_app
from lapinq_api.dashboard.parts.task_list import search_syntax
from lapinq_core.declaring import declared
from lapinq_core.domain.cron.expression import read_cron
from lapinq_core.domain.schedules.schedule_file import read_file
from lapinq_core.domain.webhooks.signature import read_secret, signed_headers
from lapinq_core.domain.webhooks.webhook import Event
from lapinq_core.runtime.settings import Settings
from lapinq_worker.embedded_worker import embedded_worker
from tests.project.docs.guide import python_blocks
from tests.project.docs.guide.blocks import PAGES, Block, blocks_of
from tests.project.docs.guide.commands import Commands
from tests.support.database.postgres import private_database
from tests.support.drivers.django_connection import django_connection
from tests.support.drivers.urls import parts_of, sqlalchemy_url
from tests.support.http.serving import serving
from tests.support.programs.embedded import open_directory
from tests.support.rows.named_limits import add_limit


@pytest.fixture(scope="module")
def url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database with the tables of an application in it."""
    with private_database(postgres_url, template_database) as url, psycopg.connect(url) as conn:
        conn.execute(
            "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text, booked boolean)"
        )
        add_limit(conn, "openai", burst=90_000)
        conn.commit()
        yield url


class Site:
    """What the blocks of a page run on. A worker of its own, as the modules of several pages have the same name, starts
    with its first block of Python."""

    def __init__(self, url: str, client: httpx.Client, folder: Path, resources: ExitStack) -> None:
        self.url = url
        self.folder = folder
        self._resources = resources
        self._has_worker = False
        self.commands = Commands(client, url, folder)
        self.server_url = str(client.base_url).rstrip("/")
        self.names: dict[str, Any] = {}
        """The names in the modules of the page, the latest of each."""

    def run(self, block: Block) -> None:
        if not self._has_worker:
            self._has_worker = True
            self._resources.enter_context(working(self.url))
            self._resources.enter_context(django_connection(self.url, "default"))
        name = "shop" if block.page == "README.md" else None
        module = python_blocks.run(block, self._with_real_addresses(block.text), self.folder, name)
        self.names |= vars(module)

    def _with_real_addresses(self, text: str) -> str:
        parts = parts_of(self.url)
        plain = f"postgresql://{parts['user']}@/{parts['database']}?host={parts['host']}&port={parts['port']}"

        def real(found: re.Match[str]) -> str:
            driver = found[1].partition("+")[2]
            return repr(
                sqlalchemy_url(self.url, driver).render_as_string(hide_password=False) if driver else plain
            )

        text = text.replace("http://127.0.0.1:8001", self.server_url)
        return re.sub(r'"([\w+]+)://localhost/shop"', real, text)

    def counts(self) -> tuple[int, int]:
        """How many tasks and orders there are."""
        with psycopg.connect(self.url) as conn:
            row = conn.execute(
                "SELECT (SELECT count(*) FROM lapinq_tasks), (SELECT count(*) FROM orders)"
            ).fetchone()
        assert row is not None
        return row[0], row[1]


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with serving(build_app(Settings(database_url=url, webhook_allow=("*",)))) as client:
        yield client


@pytest.fixture
def site(url: str, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with ExitStack() as resources:
        site = Site(url, client, tmp_path, resources)
        monkeypatch.setenv("LAPINQ_URL", site.server_url)
        yield site
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@contextmanager
def working(url: str) -> Generator[None]:
    """Runs a worker in a thread of this process."""
    started, stop = threading.Event(), asyncio.Event()

    async def run() -> None:
        async with embedded_worker(Settings(database_url=url, worker_pool="threads")):
            started.set()
            await stop.wait()

    with asyncio.Runner() as runner:
        thread = threading.Thread(target=runner.run, args=(run(),), name="worker under test")
        thread.start()
        try:
            assert started.wait(30)
            yield
        finally:
            runner.get_loop().call_soon_threadsafe(stop.set)
            thread.join(30)
            assert not thread.is_alive(), "the worker did not stop"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_block_of_a_page_does_what_it_shows(path: Path, site: Site) -> None:
    for block in blocks_of(path):
        if python_blocks.is_of_an_example(block) or python_blocks.is_of_a_suite(block):
            continue  # run by other tests and by the test below
        found = [text for text in CHECKS if text in block.text]
        for text in found:
            CHECKS[text](site, block)
        if not found:
            run(site, block)


def run(site: Site, block: Block) -> None:
    if block.language == "python":
        site.run(block)
    elif block.language in ("console", "sh") or block.text.startswith("$ "):
        site.commands.check(block)
    else:
        raise AssertionError(f"{block.place}: there is no rule for this block of {block.language!r}")


# What blocks do beyond running, and what is not a program


def it_sends_the_tenant(site: Site, block: Block) -> None:
    site.run(block)
    ref = site.names["report"].queue("may")
    assert ref.wait(30)["status"] == "completed"
    assert ["working for acme"] in site.names["PRINTED"].values()


def it_reports_progress(site: Site, block: Block) -> None:
    site.run(block)
    assert site.names["convert"].queue("a.pdf").result(30) == "a.pdf"
    with running_as() as task:
        site.names["convert"]("a.pdf")
    assert task.reported[-1] == (100, "page 3 of 3")


def it_gets_objects(site: Site, block: Block) -> None:
    site.run(block)
    order = uuid4()
    line = site.names["Line"](order)
    assert site.names["ship"].queue(order, [line]).wait(30)["status"] == "completed"
    assert [f"{order.hex} {order} None"] in site.names["PRINTED"].values()


def it_books_with_the_completion(site: Site, block: Block) -> None:
    site.run(block)
    assert _booked(site, "book") == '"booked"'


def it_books_with_a_step(site: Site, block: Block) -> None:
    site.run(block)
    assert _booked(site, "reserve") == "null"


def _booked(site: Site, task: str) -> str:
    """The result of the task, which books an order."""
    with psycopg.connect(site.url) as conn:
        row = conn.execute("INSERT INTO orders (item) VALUES ('lamp') RETURNING id").fetchone()
        assert row is not None
        conn.commit()
        ended = site.names[task].queue(row[0]).wait(30)
        assert conn.execute("SELECT booked FROM orders WHERE id = %s", row).fetchone() == (True,)
        return ended["result"]


def it_stores_a_task_for_each_order(site: Site, block: Block) -> None:
    tasks, orders = site.counts()
    site.run(block)
    if "engine" in site.names:
        site.names.pop("engine").dispose()
    more_tasks, more_orders = site.counts()
    assert more_tasks - tasks == (more_orders - orders or orders) > 0


def it_starts_a_database(site: Site, block: Block) -> None:
    with open_directory() as directory:
        text = block.text.replace(
            "EmbeddedDatabase()", f"EmbeddedDatabase(Path({str(directory / 'data')!r}))"
        )
        text = f"from pathlib import Path\n{text}"
        site.names |= vars(python_blocks.run(block, text, site.folder))
    assert site.names["url"].startswith("postgresql:///lapinq?host=")


def it_starts_and_stops_with_the_application(site: Site, block: Block) -> None:
    site.run(block)
    app = site.names["app"]

    async def live() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(live())


def its_view_enqueues(site: Site, block: Block) -> None:
    site.run(block)
    answer = site.names["create_app"]().test_client().post("/orders/7/confirmation")
    assert answer.status_code == 202
    result = site.names["queue"].result(answer.json["task"], timeout=30)
    assert result == "order 7 confirmed by shop@example.org"


def its_tick_has_a_planned_time(_site: Site, block: Block) -> None:
    queue, lapinq = TaskQueue(), importlib.import_module("lapinq")
    names: dict[str, Any] = {"queue": queue, "lapinq": lapinq, "datetime": datetime}
    exec(block.text, names)
    with running_as(metadata={"planned_at": "2030-01-01T03:00:00+01:00"}):
        names["send_report"]()


def its_schedules_are_declared(site: Site, block: Block) -> None:
    site.run(block)
    names = {definition.name for _, definition in declared("app.tasks")}
    assert names == {"app.tasks.refresh", "morning report", "evening report", "app.tasks.ping"}


def it_is_a_file_of_schedules(site: Site, block: Block) -> None:
    """Stores what the page's next block says has been there before."""
    assert read_file(block.text, "toml", datetime.now(UTC)).entries
    (site.folder / "schedules.toml").write_text(block.text)
    start, _, rest = block.text.partition("[[schedules]]")
    earlier = start + "[[schedules]]" + rest.replace("15m", "30m").replace("nightly invoices", "yearly")
    (site.folder / "earlier.toml").write_text(earlier)
    apply(site, "earlier.toml")


def it_shows_what_applying_changes(site: Site, block: Block) -> None:
    site.commands.check(block)
    apply(site, "schedules.toml")


def apply(site: Site, file: str) -> None:
    site.commands.check(Block("", 0, "console", f"$ lapinq apply {file}"))


def it_is_a_cron_expression(_site: Site, block: Block) -> None:
    read_cron(block.text.splitlines()[-1], "UTC", seed="")
    assert len(block.text.splitlines()) == 7


def it_is_a_search(_site: Site, block: Block) -> None:
    assert search_syntax.parse(block.text.strip())["not_status"] == "completed"


def it_is_a_drawing(_site: Site, _block: Block) -> None:
    """The order is that of the tests of middleware."""


def it_is_of_another_library(_site: Site, block: Block) -> None:
    ast.parse(block.text)


def it_is_a_webhook(_site: Site, block: Block) -> None:
    head, _, body = block.text.partition("\n\n")
    assert set(msgspec.json.decode(body)) == {*Event.__struct_fields__, "audience"}
    headers = re.findall(r"^(webhook-\S+):", head, re.MULTILINE)
    assert headers == [*signed_headers("e", 1, b"", [read_secret("whsec_" + "A" * 32)])]


def it_takes_what_is_signed_and_nothing_else(site: Site, block: Block) -> None:
    site.run(block)
    secrets = [f"whsec_{letter * 32}" for letter in "ABC"]
    now = int(time.time())
    check = site.names["is_genuine"]
    headers = signed_headers("e", now, b"{}", [read_secret(secret) for secret in secrets[:2]])
    assert check(headers, b"{}", secrets[0])
    assert check(headers, b"{}", secrets[1])
    assert not check(headers, b"{}", secrets[2])
    assert not check(headers, b"{ }", secrets[0])
    old = signed_headers("e", now - 3600, b"{}", [read_secret(secrets[0])])
    assert not check(old, b"{}", secrets[0])


def it_makes_a_secret(_site: Site, block: Block) -> None:
    done = subprocess.run(["sh", "-c", block.text], capture_output=True, text=True, check=True)
    read_secret(done.stdout.strip())


def it_is_the_message_of_a_failed_assertion(_site: Site, block: Block) -> None:
    with captured() as tasks:
        TaskQueue(queue_name="shop").batch_enqueue(
            [{"module_path": "shop", "task_name": "charge", "args": [7], "kwargs": {"cents": 990}}]
        )
        with pytest.raises(AssertionError) as caught:
            tasks.assert_enqueued("charge", args=[8], queue="shop")
    assert f"AssertionError: shop.{caught.value}" == block.text.strip()


CHECKS: dict[str, Callable[[Site, Block], None]] = {
    # middleware.md
    "class Tenant(Middleware)": it_sends_the_tenant,
    "worker's first → worker's second": it_is_a_drawing,
    # workflows.md
    "fetch(1) ─┐": it_is_a_drawing,
    # tasks.md
    "def convert(": it_reports_progress,
    "def ship(order: UUID": it_gets_objects,
    "def book(": it_books_with_the_completion,
    # durable-tasks.md
    "def reserve(": it_books_with_a_step,
    # transactions.md
    "INSERT INTO orders": it_stores_a_task_for_each_order,
    "SELECT id FROM orders": it_stores_a_task_for_each_order,
    # embedded-database.md
    "EmbeddedDatabase()": it_starts_a_database,
    # fastapi.md
    "app = FastAPI(": it_starts_and_stops_with_the_application,
    # flask.md
    "app = Flask(": its_view_enqueues,
    # schedules.md, schedules-in-code.md, cron.md
    "def send_report(": its_tick_has_a_planned_time,
    "# app/tasks.py": its_schedules_are_declared,
    "# schedules.toml": it_is_a_file_of_schedules,
    "schedules.toml --dry-run\n": it_shows_what_applying_changes,
    "┌─ second": it_is_a_cron_expression,
    # dashboard.md
    "queue:video,mail -status:completed": it_is_a_search,
    # webhooks.md
    "POST /hooks/lapinq": it_is_a_webhook,
    "def is_genuine(": it_takes_what_is_signed_and_nothing_else,
    "openssl rand": it_makes_a_secret,
    # from-temporal-dbos-celery.md
    "from temporalio": it_is_of_another_library,
    "from dbos": it_is_of_another_library,
    "from celery": it_is_of_another_library,
    # testing.md
    "AssertionError: ": it_is_the_message_of_a_failed_assertion,
}
"""By a text in the block."""


def test_every_check_has_a_block() -> None:
    texts = [block.text for page in PAGES for block in blocks_of(page)]
    assert [text for text in CHECKS if not any(text in one for one in texts)] == []


def test_the_suite_of_the_guide_to_testing_passes(postgres_url: str, tmp_path: Path) -> None:
    blocks = [block for page in PAGES for block in blocks_of(page) if python_blocks.is_of_a_suite(block)]
    for block in blocks:
        name, _, text = block.text.removeprefix("# ").partition("\n")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-W", "error"),
            *("-p", "no:cacheprovider", "-p", "no:schemathesis"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "LAPINQ_TEST_DATABASE_URL": postgres_url},
    )
    tests = sum(len(re.findall(r"^ *def test_", block.text, re.MULTILINE)) for block in blocks)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tests} passed" in done.stdout

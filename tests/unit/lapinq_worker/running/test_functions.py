"""Finding task functions: once each, off the event loop, and no module can hold up the others."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.context import CurrentTask, running
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.outcome import Raised, TimedOut, Unretryable
from lapinq_worker.running.functions import Functions
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.time_limits import Limits
from tests.support.event_loops import on_both_loops
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_claim
from tests.unit.lapinq_worker.workbench import until


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of modules that can be imported until the end of the test."""
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


async def nobody(_module: str) -> str | None:
    """No living worker has the module."""
    return None


def claim_of(module: str, name: str = "f") -> Claim:
    return make_claim(module_path=module, task_name=name)


async def test_a_function_is_searched_once_though_one_who_asks_gives_up() -> None:
    functions = Functions((), 60.0, nobody)
    claim = make_claim()
    assert functions.known(claim) is None
    first, second = (asyncio.create_task(functions.find(make_claim())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    found = await second
    assert isinstance(found, Target)
    assert found.function is tasks.add
    assert functions.known(claim) is found
    assert functions.known(make_claim(task_name="noop")) is None


@on_both_loops
async def test_those_who_ask_at_the_same_time_share_one_search_and_the_event_loop_turns(
    modules: Path,
) -> None:
    (modules / "counted_import.py").write_text(
        "from pathlib import Path\nimport time\n"
        "with Path(__file__).with_name('imports').open('a') as log: log.write('x')\n"
        "time.sleep(0.2)\ndef f(): ...\n"
    )
    functions = Functions((), 60.0, nobody)
    before = threading.active_count()
    searches = [asyncio.create_task(functions.find(claim_of("counted_import"))) for _ in range(10)]
    await asyncio.sleep(0)
    assert threading.active_count() <= before + 1
    turns = 0
    while not searches[0].done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 10
    (found,) = {id(found): found for found in await asyncio.gather(*searches)}.values()
    assert isinstance(found, Target)
    assert (modules / "imports").read_text() == "x"


async def test_a_failure_is_told_and_tried_again(modules: Path) -> None:
    (modules / "missing_file.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('ready').stat()\ndef f(): ...\n"
    )

    functions, claim = Functions((), 60.0, nobody), claim_of("missing_file")
    failure = await functions.find(claim)
    assert isinstance(failure, Raised)
    assert failure.error.startswith("FileNotFoundError: ")
    assert failure.traceback is not None
    assert "missing_file.py" in failure.traceback.splitlines()[1]
    assert functions.known(claim) is None
    (modules / "ready").touch()
    assert isinstance(await functions.find(claim), Target)


@pytest.mark.parametrize(("line", "error"), [
    (None, "TaskNotFound: no module 'never_imported'"),
    ("def f(:", "SyntaxError: invalid syntax"),
    ("import no_such_dependency", "ModuleNotFoundError: No module named 'no_such_dependency'"),
])  # fmt: skip
async def test_a_task_is_retried_if_another_worker_has_the_module_that_this_one_cannot_import(
    modules: Path, line: str | None, error: str
) -> None:
    async def another(module: str) -> str | None:
        return f"of {module}"

    async def unreachable(_module: str) -> str | None:
        raise ConnectionError

    if line is not None:
        (modules / "never_imported.py").write_text(line)
    first, claim = (
        make_claim(module_path="never_imported", task_name="f", attempt=number) for number in (1, 2)
    )
    failure = await Functions((), 60.0, nobody).find(claim)
    assert isinstance(failure, Unretryable)
    assert failure.error.startswith(error)
    assert failure.error.endswith(
        ". No living worker has reported tasks of this module, so the task is not retried again"
    )
    # Others may be able to import it and have had no reason to.
    assert isinstance(await Functions((), 60.0, nobody).find(first), Raised)
    retried = await Functions((), 60.0, another).find(claim)
    assert isinstance(retried, Raised)
    assert retried.error.endswith(
        ". The worker 'of never_imported' has found tasks in this module, so a retry may succeed there"
    )
    undecided = await Functions((), 60.0, unreachable).find(claim)
    assert isinstance(undecided, Raised)
    assert undecided.error in retried.error


async def test_a_missing_function_is_tried_again(modules: Path) -> None:
    (modules / "without_function.py").write_text("")
    failure = await Functions((), 60.0, nobody).find(claim_of("without_function"))
    assert isinstance(failure, Raised)


@pytest.mark.parametrize(
    "line", ["raise SystemExit(3)", "raise KeyboardInterrupt", "import asyncio; raise asyncio.CancelledError"]
)
async def test_what_would_end_the_program_is_a_failure_like_others(modules: Path, line: str) -> None:
    (modules / "fatal_import.py").write_text(line)

    failure = await Functions((), 60.0, nobody).find(claim_of("fatal_import"))
    assert isinstance(failure, Raised)


async def test_a_module_that_is_not_allowed_is_told() -> None:
    assert await Functions(("app.*",), 60.0, nobody).find(make_claim()) == Unretryable(
        "TaskNotAllowed: module 'tests.support.sample.tasks' is not allowed by LAPINQ_ALLOWED_MODULES (app.*)"
    )


async def test_a_module_that_never_ends_holds_up_nobody_else(modules: Path) -> None:
    go = modules / "go"
    (modules / "endless_import.py").write_text(
        f"import time\nfrom pathlib import Path\nwhile not Path({str(go)!r}).exists(): time.sleep(0.01)\ndef f(): ...\n"
    )

    functions = Functions((), 0.5, nobody)
    endless = claim_of("endless_import")
    search = asyncio.create_task(functions.find(endless))
    assert isinstance(await functions.find(make_claim()), Target)
    assert await search == TimedOut(0.5)
    # Those who ask later wait for the same import and start no other.
    before = threading.active_count()
    assert await functions.find(endless) == TimedOut(0.5)
    assert threading.active_count() == before
    go.touch()
    await until(lambda: functions.known(endless))


async def test_middleware_goes_around_what_is_found(modules: Path) -> None:
    (modules / "layered.py").write_text(
        "from lapinq import Middleware, TaskQueue\n"
        "class Inner(Middleware):\n    def run(self, task, call): return ['queue', call()]\n"
        "queue = TaskQueue(middleware=[Inner()])\n"
        "@queue.task\ndef f(): return 1\n"
    )

    class Outer(Middleware):
        def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
            return ["worker", call()]

    claim = claim_of("layered")
    found = await Functions((), 60.0, nobody, [Outer()]).find(claim)
    assert isinstance(found, Target)
    assert found.handling is not None
    running.set(Job(claim, found, Host(Limits())))
    assert found.function() == ["worker", ["queue", 1]]

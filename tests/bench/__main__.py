"""`scripts/bench`: measures lapinq, and others beside it if asked to, on one server in one run.

Contenders and kinds of work take turns, so that a change in the machine's mood meets all of them.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from tests.bench.contenders.lapinq_contender import lapinq
from tests.bench.contenders.peer import Place, contenders, redis_facts
from tests.bench.contenders.peers import KEYS, chosen
from tests.bench.measurements import drains, enqueue, fairness, held, latency
from tests.bench.measurements.case import Case, Field
from tests.bench.run import page
from tests.bench.run.facts import machine_facts
from tests.bench.run.figures import Reading, ratios, summed_up
from tests.bench.run.plan import plan_of, plan_options
from tests.bench.run.processes import BenchError, Processes, say
from tests.bench.run.report import Report, joined, load, save
from tests.bench.run.server import commit_milliseconds, own_server, settings_of

_CASES: dict[str, Callable[[Field], list[Case]]] = {
    "drain": drains.drain_cases,
    "loads": drains.load_cases,
    "mix": drains.mix_cases,
    "limits": drains.limit_cases,
    "queues": drains.queue_cases,
    "backlog": drains.backlog_cases,
    "snapshot": drains.snapshot_cases,
    "latency": latency.cases,
    "delayed": latency.delayed_cases,
    "batch": enqueue.batch_cases,
    "single": enqueue.single_cases,
    "fairness": fairness.cases,
    "held": held.held_cases,
    "full": held.full_cases,
}
_UNLESS_ASKED = {"delayed", "fairness", "held", "full"}
"""Left out unless `--only` names them: they take a minute or more each."""
_PATH = click.Path(path_type=Path)
_RENDER = (
    "Measure nothing: write docs/benchmarks.md and its charts from the results in this file. Repeat it to add other"
    " measurements."
)


@click.command(params=plan_options())
@click.option("--quick", is_flag=True, help="Little of everything: shows that it works, not how fast.")
@click.option("--only", help=f"Some of {','.join(_CASES)}.")
@click.option("--with", "beside", help=f"Measure others too: all, or some of {','.join(KEYS)}.")
@click.option("--json", "path", type=_PATH, help="File for the results, else in bench-results.")
@click.option("--render", type=click.Path(path_type=Path, exists=True), multiple=True, help=_RENDER)
@click.option(
    "--database-url", help="Server to use, as it is, by a superuser; by default a new one is started."
)
@click.option("--pg-bin", type=_PATH, help="Directory of the PostgreSQL programs to start.")
def main(
    quick: bool,
    only: str | None,
    beside: str | None,
    path: Path | None,
    render: tuple[Path, ...],
    database_url: str | None,
    pg_bin: Path | None,
    **given: object,
) -> None:
    """Measures drains, of other loads and beside burdens too, start latency, also of delayed tasks, and enqueueing.

    `fairness` takes four minutes; `held` nine a run; `full` seven, and half a minute for each million tasks of
    --backlog and --finished.
    """
    if render:
        click.echo("\n".join(map(str, page.write(joined(*map(load, render))))))
        return
    # It leaves every block, and with it ends every child.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    wanted = only.split(",") if only else [name for name in _CASES if name not in _UNLESS_ASKED]
    if unknown := set(wanted) - set(_CASES):
        raise click.UsageError(f"--only knows {', '.join(_CASES)}, not {', '.join(sorted(unknown))}")
    peers = chosen(beside)
    plan = plan_of(given, quick=quick)
    machine = machine_facts()
    failures: dict[str, str] = {}
    readings: list[Reading] = []
    with ExitStack() as stack:
        url = database_url or stack.enter_context(own_server(pg_bin))
        processes = Processes(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lapinq-bench-"))))
        taking_part = [stack.enter_context(lapinq(url, processes, plan))]
        for peer in peers:
            try:
                taking_part += stack.enter_context(contenders(peer, Place(url, processes, plan.redis_fsync)))
            except BenchError as error:
                failures[peer.name] = str(error)
                say(f"{peer.name}: {error}")
        commit_ms = commit_milliseconds(url)
        for name in wanted:
            _measure(_CASES[name](Field(taking_part, plan)), plan.runs, readings, failures)
        figures = summed_up(readings)
        report = Report(
            plan=plan,
            machine=machine,
            contenders=[one.about for one in taking_part],
            postgresql=settings_of(url),
            redis=redis_facts(),
            commit_ms=commit_ms,
            figures=figures,
            ratios=ratios(figures),
            failures=failures,
            measured=list(wanted),
        )
    click.echo(page.as_text(report))
    click.echo(f"\nwritten to {save(report, path)}")
    sys.exit(bool(failures))


def _measure(cases: Sequence[Case], runs: int, readings: list[Reading], failures: dict[str, str]) -> None:
    """Each case once, then each again. One that fails is noted and left out from then on."""
    for run in range(1, runs + 1):
        for case in cases:
            name = f"{case.title}, {case.contender.about.name}"
            if name in failures or run > (case.runs_at_most or runs):
                continue
            started = time.monotonic()
            try:
                found = case.run()
            except BenchError as error:
                failures[name] = str(error)
                say(f"run {run} of {runs}: {name}: {error}")
                continue
            readings += found
            values = ", ".join(f"{one.value:,.2f} {one.metric.unit}" for one in found)
            say(f"run {run} of {runs}: {name}: {values} ({time.monotonic() - started:.0f} s)")


if __name__ == "__main__":
    main()

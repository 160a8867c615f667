"""`lapinq fleet`: lists, quiets and stops workers, directly on the database."""

import click

from lapinq.commands.console import ids
from lapinq.commands.console.database import author, database_flags, run
from lapinq.commands.console.json_output import json_flag, json_of
from lapinq_core.command_line.commands import Group
from lapinq_core.domain.worker import WorkerRequest
from lapinq_core.fleet import operators as workers
from lapinq_core.fleet.operators import WorkerDetails


@click.group(cls=Group)
def fleet() -> None:
    """List, quiet, resume and stop workers."""


@fleet.command("list")
@json_flag
@database_flags
def list_workers(as_json: bool, **given: object) -> None:
    """List the workers, live ones first."""
    found = run(given, workers.list_workers)
    if as_json:
        click.echo(json_of(found))
        return
    for worker in found.workers:
        click.echo(_line(worker))
    if found.more:
        click.echo(f"and {found.more} more")


@fleet.command()
@ids.worker_id
@database_flags
def quiet(worker_id: str, **given: object) -> None:
    """Make a worker stop claiming tasks. Running tasks continue."""
    _ask(given, worker_id, WorkerRequest.QUIET)
    click.echo(f"asked {worker_id} to stop claiming tasks")


@fleet.command()
@ids.worker_id
@database_flags
def resume(worker_id: str, **given: object) -> None:
    """Let a quiet worker claim tasks again."""
    _ask(given, worker_id, None)
    click.echo(f"asked {worker_id} to claim tasks again")


@fleet.command()
@ids.worker_id
@database_flags
def stop(worker_id: str, **given: object) -> None:
    """Stop a worker as SIGTERM does: running tasks get the grace period."""
    _ask(given, worker_id, WorkerRequest.STOP)
    click.echo(f"asked {worker_id} to stop")


def _ask(given: dict[str, object], worker_id: str, request: WorkerRequest | None) -> None:
    run(given, lambda conn: workers.request(conn, worker_id, request, by=author()))


def _line(worker: WorkerDetails) -> str:
    running = "?" if worker.running is None else worker.running
    memory = "" if worker.memory_bytes is None else f"  {worker.memory_bytes / 2**20:.0f} MiB"
    asked = f"  {worker.asked_to} requested by {_plain(worker.asked_by or '')}" if worker.asked_to else ""
    load = f"{running} of {worker.concurrency} running"
    return f"{worker.id}  {worker.state:<8}  {_plain(worker.name):<24}  {load:<18}{memory}{asked}"


def _plain(text: str) -> str:
    """Without control characters, which a terminal would act on."""
    return "".join(one if one.isprintable() else "?" for one in text)

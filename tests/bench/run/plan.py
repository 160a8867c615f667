"""How much is measured."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import click
import msgspec
from msgspec import Meta


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Each can be given on the command line."""

    tasks: Annotated[
        int, Meta(ge=1, description="Tasks in the queue before a drain; slow contenders get fewer.")
    ] = 120_000
    backlog: Annotated[
        int, Meta(ge=1, description="Tasks that wait in a second queue, or before a steady drain.")
    ] = 1_000_000
    finished: Annotated[int, Meta(ge=1, description="Tasks that have finished before a steady drain.")] = (
        1_000_000
    )
    snapshot_tasks: Annotated[int, Meta(ge=1, description="Tasks drained under a held snapshot.")] = 600_000
    held_seconds: Annotated[float, Meta(ge=5, description="Time of a steady drain, rated by fifths.")] = 120.0
    tenant_seconds: Annotated[
        float, Meta(ge=2, description="For so long small tenants enqueue beside a flood.")
    ] = 60.0
    runs: Annotated[int, Meta(ge=1, description="How often each is measured, in turns with the others.")] = 3
    samples: Annotated[int, Meta(ge=1, description="Single tasks for a start latency.")] = 200
    seconds: Annotated[float, Meta(gt=0, description="Time of single enqueue, and of enqueue over HTTP.")] = (
        2.0
    )
    batch: Annotated[int, Meta(ge=1, le=1000, description="Tasks a call or request of a bulk enqueue.")] = (
        1_000
    )
    in_flight: Annotated[int, Meta(ge=1, description="Single enqueues from a program at once.")] = 8
    http_connections: Annotated[int, Meta(ge=2, description="Connections of single enqueue over HTTP.")] = 64
    http_batch_connections: Annotated[int, Meta(ge=2, description="The same for batches.")] = 4
    concurrency: Annotated[int, Meta(ge=1, description="Coroutines at once in a worker of lapinq.")] = 100
    threads: Annotated[int, Meta(ge=1, description="Threads for plain functions.")] = 8
    processes: Annotated[int, Meta(ge=1, description="Child processes for plain functions.")] = 2
    redis_fsync: Annotated[
        Literal["everysec", "always"], Meta(description="When Redis makes its writes durable.")
    ] = "everysec"
    limit: Annotated[float, Meta(gt=0, description="Seconds after which a measurement is given up.")] = 300.0


_QUICK: dict[str, Any] = {
    "tasks": 5_000,
    "backlog": 50_000,
    "finished": 50_000,
    "snapshot_tasks": 20_000,
    "held_seconds": 5.0,
    "tenant_seconds": 3.0,
    "runs": 1,
    "samples": 50,
    "seconds": 1.0,
}


def plan_of(given: Mapping[str, object], *, quick: bool) -> Plan:
    """The plan that the command line asks for. Raises `click.UsageError`."""
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return msgspec.convert({**(_QUICK if quick else {}), **chosen}, Plan)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from error


_TYPES: dict[str, type] = {"number": float, "integer": int}


def plan_options() -> list[click.Option]:
    """An option for each part of a plan."""
    fields: dict[str, dict[str, Any]] = msgspec.json.schema(Plan)["$defs"]["Plan"]["properties"]
    return [
        click.Option(
            [f"--{name.replace('_', '-')}"],
            type=click.Choice(field["enum"]) if "enum" in field else _TYPES[field["type"]],
            help=f"{field['description']} [{field['default']}]",
        )
        for name, field in fields.items()
    ]

"""Ids as arguments of commands."""

import uuid

import click


class _Uuid(click.ParamType[str]):
    name = "uuid"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(uuid.UUID(str(value)))
        except ValueError:
            self.fail(f"{value!r} is not a UUID", param, ctx)


task_id = click.argument("task_id", type=_Uuid())
worker_id = click.argument("worker_id", type=_Uuid())

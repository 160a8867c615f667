"""Which workers a command means: by name, by a pattern of names, or by an id or its beginning."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from lapinq.commands.console.api import Api
from lapinq.commands.console.failure import Failed
from lapinq.commands.output.terminal import plain

Worker = Mapping[str, Any]
"""The API's object."""
_WILDCARDS = frozenset("*?[")


def chosen(api: Api, texts: Sequence[str], *, all_named: bool = False) -> list[tuple[str, str]]:
    """The id of each worker that `texts` mean, once, with how to call it in messages.

    Raises `Failed` if a text means no worker, or without `all_named` several by one name.
    """
    found: dict[str, str] = {}
    workers: Sequence[Worker] | None = None
    for text in texts:
        if (whole := _id(text)) is not None:
            found.setdefault(whole, text)
            continue
        if workers is None:
            workers = _workers(api)
        for worker in matching(workers, text, all_named=all_named):
            found.setdefault(worker["id"], f"{plain(worker['name'])} ({worker['id']})")
    return list(found.items())


def matching(workers: Sequence[Worker], text: str, *, all_named: bool = False) -> list[Worker]:
    """Living workers come before dead ones, names before ids, and patterns last; a pattern finds no dead worker."""
    living = [worker for worker in workers if worker["state"] != "dead"]
    for some in (living, workers):
        named = [worker for worker in some if worker["name"] == text]
        if len(named) == 1 or (named and all_named):
            return named
        if named:
            raise _several(f"have the name {text}", named, "give an id, or --all-named for all of them")
        by_id = [worker for worker in some if text and worker["id"].startswith(text.lower())]
        if len(by_id) == 1:
            return by_id
        if by_id:
            raise _several(f"have an id that begins with {text}", by_id, "give more of it")
        if some is living and _WILDCARDS.intersection(text):
            found = [worker for worker in some if fnmatchcase(worker["name"], text)]
            if found:
                return found
    raise Failed(f"no worker {plain(text)}: `lapinq worker list` shows their names and ids")


def _workers(api: Api) -> Sequence[Worker]:
    return api.get("/api/v1/workers").value["workers"]


def _several(what: str, found: Sequence[Worker], remedy: str) -> Failed:
    lines = [
        f"  {one['id']}  {plain(one['name'])} on {plain(one['hostname'])}, pid {one['pid']}" for one in found
    ]
    return Failed("\n".join([f"{len(found)} workers {plain(what)}; {remedy}:", *lines]))


def _id(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None

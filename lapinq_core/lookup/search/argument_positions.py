"""Finds at which position functions take arguments that a filter names: `args.order:17` also means `send(17)`."""

from typing import TypeVar

import msgspec
import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.tasks.filters import TaskFilter

sql = sql_of(__name__)

_Filter = TypeVar("_Filter", bound=TaskFilter)


async def with_positions(conn: psycopg.AsyncConnection, chosen: _Filter) -> _Filter:
    """`chosen` with the positions of its named arguments, as living workers report their functions."""
    wanted = _wanted.decode(chosen.named_arguments or "{}")
    names = sorted({name.partition(".")[0] for name in wanted})
    known = _positions.decode(
        await first_value(conn, sql("argument_positions"), {"names": names}, prepare=True)
    )
    found = {name: {**one, "at": known.get(name.partition(".")[0], {})} for name, one in wanted.items()}
    return msgspec.structs.replace(chosen, named_arguments=msgspec.json.encode(found).decode())


_wanted = msgspec.json.Decoder(dict[str, dict[str, str | dict[str, int]]])
_positions = msgspec.json.Decoder(dict[str, dict[str, int]])

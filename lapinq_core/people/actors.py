"""What somebody may do now who asked for something earlier."""

from typing import assert_never

import msgspec
import psycopg

from lapinq_core.db.rows import maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.accounts.account import ANONYMOUS, MASTER_KEY, Actor, ActorKind, Role
from lapinq_core.domain.accounts.grants import read_grants
from lapinq_core.people.audit import Author
from lapinq_core.people.keys import actor_of_key
from lapinq_core.people.sessions import actor_of_user

sql = sql_of(__name__)
_grants = msgspec.json.Decoder(dict[str, list[str]])


async def find(conn: psycopg.AsyncConnection, author: Author) -> Actor | None:
    """The author as they are now; None if the user or key was deleted, or the key has expired."""
    match author.actor_kind:
        case ActorKind.USER:
            user = await maybe_row(conn, sql("find_user"), {"id": author.actor_id}, prepare=True)
            if user is None:
                return None
            user_id, name, role, permissions, reads = user
            return actor_of_user(user_id, name, Role(role), read_grants(_grants.decode(permissions)), reads)
        case ActorKind.KEY if author.actor_id is None:
            return MASTER_KEY
        case ActorKind.KEY:
            key = await maybe_row(conn, sql("find_key"), {"id": author.actor_id}, prepare=True)
            return None if key is None else actor_of_key(*key)
        case ActorKind.ANONYMOUS:
            return ANONYMOUS
        case ActorKind.COMMAND_LINE:
            return Actor(kind=ActorKind.COMMAND_LINE, name=author.actor, is_admin=True)
        case _:
            assert_never(author.actor_kind)

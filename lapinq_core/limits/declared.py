"""The limits, policies and circuit breakers that code declares, as they are stored: found, put, removed.

Each remembers the module that declares it. Who sets one by hand leaves that as it is.
"""

from collections.abc import Iterable, Sequence
from typing import LiteralString, assert_never

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.limits.declared import DeclaredBreaker, DeclaredLimit, DeclaredPolicy, Rule, key_of
from lapinq_core.domain.limits.policy import Policy
from lapinq_core.limits import breakers, named_limits, policies
from lapinq_core.people.audit import Author

sql = sql_of(__name__)


class StoredRule(msgspec.Struct, frozen=True):
    """`source` is what declares it; None if it was made by hand."""

    rule: Rule
    source: str | None


async def find(
    conn: psycopg.AsyncConnection, wanted: Iterable[tuple[str, str]], sources: Sequence[str] = ()
) -> dict[tuple[str, str], StoredRule]:
    """By kind and name: the wanted ones, and those of `sources`. A queue without a policy has none."""
    wanted = list(wanted)
    found: dict[tuple[str, str], StoredRule] = {}
    for rule_type in (DeclaredLimit, DeclaredPolicy, DeclaredBreaker):
        names = [name for kind, name in wanted if kind == rule_type.kind]
        params = {"names": names, "sources": list(sources)}
        for text, source in await all_rows(conn, _FIND[rule_type.kind], params):
            rule = msgspec.json.decode(text, type=rule_type)
            if source is not None or rule != DeclaredPolicy(name=rule.name):
                found[key_of(rule)] = StoredRule(rule, source)
    return found


async def find_others(conn: psycopg.AsyncConnection, sources: Sequence[str]) -> list[StoredRule]:
    """By kind and name: those that other modules declare, or declared before they were renamed or removed."""
    others = [
        source for (source,) in await all_rows(conn, sql("list_other_sources"), {"sources": list(sources)})
    ]
    found = await find(conn, (), others)
    return [found[key] for key in sorted(found) if found[key].rule != DeclaredPolicy(name=key[1])]


async def put(conn: psycopg.AsyncConnection, rule: Rule, source: str, *, by: Author) -> None:
    """Stores it as declared by `source`. In the caller's transaction; after its commit, the caller raises the fence.

    Raises `TooManyLimits` and `TooManyBreakers`.
    """
    match rule:
        case DeclaredLimit():
            await named_limits.put_limit(conn, rule.name, rule.max_running, rule.rate, by=by)
        case DeclaredPolicy():
            await _put_policy(conn, rule, by)
        case DeclaredBreaker():
            fields = {name: getattr(rule, name) for name in BreakerRule.__struct_fields__}
            await breakers.put_task_breaker(conn, rule.name, BreakerRule(**fields), by=by)
        case _:
            assert_never(rule)
    await conn.execute(_OWN[rule.kind], {"name": rule.name, "source": source})


async def remove(conn: psycopg.AsyncConnection, rule: Rule, *, by: Author) -> None:
    """In the caller's transaction."""
    match rule:
        case DeclaredLimit():
            await named_limits.delete_limit(conn, rule.name, by=by)
        case DeclaredPolicy():
            await _put_policy(conn, DeclaredPolicy(name=rule.name), by)
            await conn.execute(_OWN[rule.kind], {"name": rule.name, "source": None})
        case DeclaredBreaker():
            await breakers.put_task_breaker(conn, rule.name, None, by=by)
        case _:
            assert_never(rule)


async def raise_fence(conn: psycopg.AsyncConnection, key: tuple[str, str]) -> None:
    """Claims wait for those under way that may not know the rule of this kind and name."""
    kind, name = key
    if kind == DeclaredLimit.kind:
        await named_limits.raise_fence(conn, name)
    elif kind == DeclaredPolicy.kind:
        await policies.raise_fence(conn, name)


async def _put_policy(conn: psycopg.AsyncConnection, rule: DeclaredPolicy, by: Author) -> None:
    fields = (*Policy.__struct_fields__, "breaker")
    await policies.put(conn, rule.name, {field: getattr(rule, field) for field in fields}, by=by)


_FIND: dict[str, LiteralString] = {
    DeclaredLimit.kind: sql("find_declared_limit"),
    DeclaredPolicy.kind: sql("find_declared_policy"),
    DeclaredBreaker.kind: sql("find_declared_breaker"),
}
_OWN: dict[str, LiteralString] = {
    DeclaredLimit.kind: sql("own_limit"),
    DeclaredPolicy.kind: sql("own_policy"),
    DeclaredBreaker.kind: sql("own_breaker"),
}

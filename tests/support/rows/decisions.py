"""Tasks that ask people by links."""

from typing import Any

import msgspec

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.durable.messages import Link, Linked
from lapinq_core.durable import links
from tests.support.rows.durable import held, suspend, wait_for
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

SERVER = "https://tasks.example"


async def link(
    conn: Conn, claimed: Claim, name: str = "approve", *, seconds: float = 3600.0, **asked: Any
) -> str:
    """The token of a new link. `schema` is an object."""
    schema = asked.pop("schema", None)
    text = None if schema is None else msgspec.json.encode(schema).decode()
    one = Link(name, asked.pop("step", ""), asked.pop("occurrence", 0), seconds, schema=text, **asked)
    [answer] = await links.create(SERVER, conn, [(held(claimed), one)])
    assert isinstance(answer, Linked)
    return answer.url.removeprefix(f"{SERVER}/decide?token=")


async def asking(
    conn: Conn, *, queue: str = "default", name: str = "approve", task: str = "handle", **asked: Any
) -> tuple[str, str]:
    """A suspended task that waits for the signal `name`: its id, and the token of its link."""
    await enqueue(conn, queue_name=queue, task_name=task)
    [claimed] = await claim(conn, await add_worker(conn), queue=queue)
    token = await link(conn, claimed, name, **asked)
    await wait_for(conn, claimed, name)
    await suspend(conn, claimed)
    return claimed.id, token

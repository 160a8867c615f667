"""Permission checks of a request."""

import gc
import weakref

from starlette.requests import Request
from starlette.types import Scope

from lapinq_api.credentials.caller import ACTOR_KEY, RIGHTS_KEY, Rights, require
from lapinq_core.domain.accounts.account import MASTER_KEY, Actor, Permission


async def _authenticate(_: Scope) -> Actor:
    return MASTER_KEY


def test_a_checked_request_is_freed_without_the_garbage_collector() -> None:
    rights = Rights(_authenticate)
    request = Request({"type": "http", ACTOR_KEY: MASTER_KEY, RIGHTS_KEY: rights})
    require(request, Permission.ENQUEUE, "mail")
    assert len(rights.checks) == 1
    gone = weakref.ref(request)
    gc.disable()
    try:
        del request, rights
        assert gone() is None
    finally:
        gc.enable()

"""What is held at once is bounded, and let go of whatever happens."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager

import msgspec
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from lapinq_api.operations.body import read_json
from lapinq_api.overload.admission import Admission, decoded_size
from lapinq_api.overload.fair_share import CALLER, Caller
from lapinq_api.wire.errors import Busy, OverShare, Refused

SCOPE: Scope = {"headers": [(b"content-type", b"application/json")]}


def _sending(parts: Iterable[bytes], *, ends: bool = True) -> Callable[[], Awaitable[Message]]:
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request", "body": b""} if ends else {"type": "http.disconnect"})
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    return receive


@contextmanager
def _working_for(caller: Caller) -> Generator[None]:
    token = CALLER.set(caller)
    try:
        yield
    finally:
        CALLER.reset(token)


def test_bytes_count_while_the_context_lasts() -> None:
    admission = Admission(100)
    with _working_for("a"), admission.hold(60) as held:
        held.add(30)
        assert admission.held == 90
        with pytest.raises(Busy):
            admission.hold(11)
        with pytest.raises(Busy):
            held.add(11)
    assert admission.held == 0


def test_a_body_that_streams_in_counts_as_it_comes_and_not_after() -> None:
    admission = Admission(10)
    assert asyncio.run(read_json(SCOPE, _sending([b"1234", b"567"]), 100, admission)) == b"1234567"
    assert admission.held == 0
    with _working_for("a"), admission.hold(5), pytest.raises(Busy):
        asyncio.run(read_json(SCOPE, _sending([b"1234", b"567"]), 100, admission))
    assert admission.held == 0


def test_one_caller_leaves_memory_to_others() -> None:
    admission = Admission(100, caller_share=0.9)
    with _working_for("flood"), admission.hold(50) as held, admission.hold(40):
        with pytest.raises(OverShare, match=r"^too many request bodies are in memory for one caller: "):
            held.add(1)
        with _working_for("quiet"):
            assert asyncio.run(read_json(SCOPE, _sending([b"1234", b"567"]), 100, admission)) == b"1234567"
        assert admission.held == 90
    assert admission.held == 0


def test_a_body_over_its_limit_or_cut_off_leaves_nothing_counted() -> None:
    admission = Admission(1000)
    with pytest.raises(Refused) as refused:
        asyncio.run(read_json(SCOPE, _sending([b"x" * 60] * 3), 100, admission))
    assert refused.value.status == 413
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_json(SCOPE, _sending([b"x"], ends=False), 100, admission))
    assert admission.held == 0


MANY = {
    "lists": b"[],",
    "objects": b'{"a":1},',
    "empty objects": b"{},",
    "digits": b"1,",
    "fractions": b"0.5,",
    "letters": b'"a",',
    "wide text": '"😀aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",'.encode(),
    "escaped wide text": b'"\\ud83d\\ude00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",',
}


@pytest.mark.parametrize("name", MANY)
def test_what_a_body_is_decoded_to_takes_no_more_than_it_counts_for(name: str) -> None:
    body = b"[" + MANY[name] * 5_000 + b"0]"
    tracemalloc.start()
    try:
        decoded = msgspec.json.decode(body)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(decoded) == 5_001
    assert 2 * taken < 3 * decoded_size(body)


async def test_a_body_counts_for_what_it_is_decoded_to_and_one_beyond_all_measure_is_refused() -> None:
    admission = Admission(1000)

    with _working_for("a"), await admission.decoding(b"[[],[],[],[]]"):
        assert admission.held == 13 + 5 * 40 + 3 * 32
        with pytest.raises(Busy):
            await admission.decoding(b"[%s0]" % (b"[]," * 10))
    assert admission.held == 0
    with pytest.raises(Refused) as refused:
        await admission.decoding(b"[%s0]" % (b"[]," * 20))
    assert refused.value.status == 413

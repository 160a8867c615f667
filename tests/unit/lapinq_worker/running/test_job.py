"""A job: its function and its arguments."""

import functools
import inspect
import sys

import msgspec
import pytest

from lapinq_worker.running.job import Target, decode_arguments
from tests.support.sample import tasks


class Caller:
    async def method(self) -> None: ...


def test_coroutine_functions_are_told_from_plain_ones() -> None:
    assert Target(tasks.aadd).is_coroutine
    assert not Target(tasks.add).is_coroutine
    assert Target(functools.partial(tasks.aadd, 1)).is_coroutine
    assert Target(Caller().method).is_coroutine


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the mark came with 3.12")
def test_a_function_marked_as_a_coroutine_function_is_one() -> None:
    @inspect.markcoroutinefunction  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUntypedFunctionDecorator]
    def marked() -> object:
        return tasks.aadd(1, 1)

    assert Target(marked).is_coroutine  # pyright: ignore[reportUnknownArgumentType]


@pytest.mark.parametrize("kind", [bytes, msgspec.Raw])
def test_arguments_are_decoded_from_json(kind: type[bytes] | type[msgspec.Raw]) -> None:
    args, kwargs = decode_arguments(kind(b"[]"), kind(b"{}"))
    assert (args, kwargs) == ([], {})
    args.append(1)  # each call gets arguments of its own
    assert decode_arguments(kind(b"[]"), kind(b"{}")) == ([], {})
    numbers = b"9223372036854775807,18446744073709551615,1e300"
    assert decode_arguments(kind(b'[1,"\xc3\xa4",null,' + numbers + b"]"), kind(b'{"a":{"b":[1.5]}}')) == (
        [1, "ä", None, 2**63 - 1, 2**64 - 1, 1e300],
        {"a": {"b": [1.5]}},
    )

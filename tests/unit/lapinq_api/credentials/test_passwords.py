"""Hashing and checking passwords in threads."""

import asyncio
from typing import Any

import pytest
from passlib.context import CryptContext

from lapinq_api.credentials import passwords
from lapinq_api.credentials.passwords import Passwords
from lapinq_core.batching.database import Overloaded

TODAYS = "$argon2id$v=19$m=19456,t=2,p=1$"


async def test_a_hash_is_argon2id_at_the_cost_that_is_stated_and_different_each_time() -> None:
    checker = Passwords()
    one, other = [await checker.hash("correct horse") for _ in range(2)]
    assert one != other
    assert one.startswith(TODAYS)
    verdict = await checker.check("correct horse", one)
    assert (verdict.is_right, verdict.new_hash) == (True, None)
    assert not (await checker.check("Correct horse", one)).is_right
    # One of another cost is right, and comes back at today's.
    context: Any = CryptContext(schemes=["argon2"], argon2__memory_cost=1024, argon2__time_cost=1)
    cheap: str = context.hash("correct horse")
    verdict = await checker.check("correct horse", cheap)
    assert verdict.is_right
    assert verdict.new_hash is not None
    assert verdict.new_hash.startswith(TODAYS)
    assert (await checker.check("correct horse", verdict.new_hash)).is_right
    assert (await checker.check("wrong", cheap)).new_hash is None


@pytest.fixture
async def cheap_checker(monkeypatch: pytest.MonkeyPatch) -> Passwords:
    monkeypatch.setitem(passwords.COST, "argon2__memory_cost", 8)
    checker = Passwords()
    await checker.prepare()
    return checker


async def test_whoever_is_unknown_costs_one_check_too_and_never_gets_in(cheap_checker: Passwords) -> None:
    known = await cheap_checker.hash("")
    odd = ("x" * 5000, "\x00", "\ud800")  # checked in the place of nothing, which is right here
    for password, stored in (("nobody has this password", None), ("", None), *((one, known) for one in odd)):
        before = cheap_checker.checks
        assert not (await cheap_checker.check(password, stored)).is_right
        assert cheap_checker.checks == before + 1
    for password in odd:
        assert not (await cheap_checker.check(password, None)).is_right


async def test_more_than_can_wait_are_turned_away_and_room_comes_back(
    cheap_checker: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "MAX_WAITING", 1)
    checks = (cheap_checker.check("x", None) for _ in range(8))
    results = await asyncio.gather(*checks, return_exceptions=True)
    assert sum(isinstance(result, Overloaded) for result in results) == 8 - passwords.AT_ONCE - 1
    assert not (await cheap_checker.check("x", None)).is_right

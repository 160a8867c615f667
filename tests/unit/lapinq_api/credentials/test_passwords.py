"""Hashing and checking passwords in threads."""

import asyncio
from typing import Any

import pytest
from passlib.context import CryptContext

from lapinq_api.credentials import passwords
from lapinq_api.credentials.passwords import Passwords
from lapinq_core.batching.database import Overloaded


async def test_a_hash_is_argon2id_at_the_cost_that_is_stated_and_different_each_time() -> None:
    checker = Passwords()
    hashes = {await checker.hash("correct horse") for _ in range(2)}
    assert len(hashes) == 2
    for one in hashes:
        assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        verdict = await checker.check("correct horse", one)
        assert (verdict.is_right, verdict.new_hash) == (True, None)
        assert not (await checker.check("Correct horse", one)).is_right


async def test_whoever_is_unknown_costs_one_check_too_and_never_gets_in() -> None:
    checker = Passwords()
    await checker.prepare()
    for password in ("nobody has this password", "", "x" * 5000, "\x00", "\ud800"):
        before = checker.checks
        assert not (await checker.check(password, None)).is_right
        assert checker.checks == before + 1
    known = await checker.hash("")
    for password in (
        "x" * 5000,
        "\x00",
        "\ud800",
    ):  # checked in the place of nothing, which is right here
        assert not (await checker.check(password, known)).is_right


async def test_a_hash_of_another_cost_is_right_and_comes_back_at_todays() -> None:
    checker = Passwords()
    context: Any = CryptContext(schemes=["argon2"], argon2__memory_cost=1024, argon2__time_cost=1)
    cheap: str = context.hash("correct horse")
    verdict = await checker.check("correct horse", cheap)
    assert verdict.is_right
    assert verdict.new_hash is not None
    assert verdict.new_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await checker.check("correct horse", verdict.new_hash)).is_right
    assert (await checker.check("wrong", cheap)).new_hash is None


async def test_more_than_can_wait_are_turned_away_and_room_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "MAX_WAITING", 1)

    checker = Passwords()
    await checker.prepare()
    results = await asyncio.gather(*(checker.check("x", None) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Overloaded) for result in results) == 8 - passwords.AT_ONCE - 1
    assert not (await checker.check("x", None)).is_right

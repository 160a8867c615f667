"""Asks the doctor, and finds what it says of one check."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from lapinq_core.doctor import examination
from lapinq_core.doctor.examination import examine
from lapinq_core.doctor.finding import CheckResult, Severity
from lapinq_core.runtime.settings import Settings

BAD = {Severity.WARNING, Severity.ERROR}


def examined(url: str | None, **settings: Any) -> dict[str, list[CheckResult]]:
    """The findings by check, of a process with these settings."""
    report = asyncio.run(examine(Settings(database_url=url, **settings)))
    found: dict[str, list[CheckResult]] = {}
    for result in report.checks:
        found.setdefault(result.check, []).append(result)
        assert (result.remedy is None) == (result.status is Severity.OK), result
    assert report.ok == (not any(result.status in BAD for result in report.checks))
    return found


def one(url: str | None, check: str, **settings: Any) -> tuple[str, str]:
    """The status and the message of the only finding of `check`."""
    with only(check):
        (found,) = examined(url, **settings)[check]
    return found.status, found.message


@contextmanager
def only(check: str) -> Generator[None]:
    """Of the checks of a database, the doctor makes this one alone."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("_OF_SERVER", "_OF_SCHEMA"):
            checks = [each for each in getattr(examination, name) if each.name == check]
            patched.setattr(examination, name, checks)
        yield

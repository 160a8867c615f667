"""`lapinq apply` of a module. A file is in `test_schedule.py`: `lapinq schedule apply` is the same command."""

import pytest

from tests.support.programs.command_line import lapinq

pytestmark = pytest.mark.http

MODULE = "tests.support.sample.limited"


def test_what_a_module_declares_is_checked_and_applied(emptied: str) -> None:
    def applied(*flags: str, code: int = 0) -> list[str]:
        done = lapinq(emptied, "apply", MODULE, *flags)
        assert done.exit_code == code, done.stderr
        return done.stdout.splitlines()

    kinds = ("breaker send", "limit mailer", "policy mails", f"{MODULE}.send")
    created = [f"created    {kind}" for kind in kinds]
    assert applied("--check", code=2) == [*created, "4 created (nothing was written)"]
    assert applied() == [*created, "4 created"]
    assert applied("--check")[-1] == "nothing would change: 4 unchanged (nothing was written)"
    for words in (
        "limit set mailer --rate 90/m",
        "queue set mails --max-running 20",
        "breaker set send --failure-share 0.5",
    ):
        said = lapinq(emptied, *words.split()).stdout.splitlines()
        assert said[1:] == [f"Code declares it, in {MODULE}: the next start of the scheduler sets it back."]
    assert applied("--check", code=2)[1:3] == ["changed    limit mailer", "           rate: 90/m → 60/m"]
    shown = lapinq(emptied, "limit", "show", "mailer").stdout
    assert f"module:{MODULE}" in shown

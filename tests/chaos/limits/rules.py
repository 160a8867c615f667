"""The rules that held during a run: each from one claim to another, and from one time to another."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from lapinq_core.domain.limits.rate import Rate

R = TypeVar("R")
S = TypeVar("S")


class Reign(NamedTuple, Generic[R]):
    """A rule, and when it came.

    A change holds the lock that claims need, so each claim is under the rule before or after it: `seq` is the number of
    the last claim before. By the clock of the database it came between `sent` and `held`.
    """

    rule: R
    seq: int
    sent: float
    held: float

    def with_rule(self, rule: S) -> "Reign[S]":
        """The same time of another rule."""
        return Reign(rule, self.seq, self.sent, self.held)


def rule_of(reigns: Sequence[Reign[R]], seq: int) -> R:
    """The rule under which a claim was made."""
    return [reign for reign in reigns if reign.seq < seq][-1].rule


class Supply:
    """What a rate allowed over time: the more generous one while it changes."""

    def __init__(self, reigns: Sequence[Reign[R]], rate_of: Callable[[R], Rate | None]) -> None:
        ends = [*(after.held for after in reigns[1:]), float("inf")]
        self._spans: list[tuple[float, float, Rate]] = []
        for reign, until in zip(reigns, ends, strict=True):
            rate = rate_of(reign.rule)
            assert rate is not None, "a rate that comes and goes is not judged"
            self._spans.append((reign.sent, until, rate))
        self._edges = sorted({edge for since, until, _ in self._spans for edge in (since, until)})

    def burst(self, at: float) -> float:
        """What a full bucket held."""
        return max(rate.burst for rate in self._at(at))

    def came_until(self, at: float) -> float:
        """What came in since the first rule."""
        return sum(
            (min(until, at) - since) * max(rate.limit / rate.period_seconds for rate in self._at(since))
            for since, until in pairwise(self._edges)
            if since < at
        )

    def _at(self, at: float) -> list[Rate]:
        return [rate for since, until, rate in self._spans if since <= at < until]

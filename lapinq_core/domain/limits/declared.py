"""What code declares beside schedules: named limits, policies of queues, circuit breakers of task names."""

from typing import ClassVar

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.limits.breaker import BreakerRule, check_breaker
from lapinq_core.domain.limits.policy import Policy, check_order_of_weights, check_places
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.limit_rules import check_limit_name
from lapinq_core.domain.tasks.task import check_name


class DeclaredLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A named limit; at least one of both rules is set."""

    kind: ClassVar[str] = "limit"
    name: str
    max_running: int | None = None
    rate: Rate | None = None

    def check(self) -> None:
        """Raises `InvalidValue`, as the others do."""
        check_limit_name("name", self.name)
        if self.max_running is None and self.rate is None:
            raise InvalidValue(
                "", "a limit must have max_running or rate: one without both would allow everything"
            )
        _check_places(self, "max_running")


class DeclaredPolicy(Policy, frozen=True, kw_only=True):
    """The policy of the queue `name`: all of it. What is left out has its default."""

    kind: ClassVar[str] = "policy"
    name: str
    breaker: BreakerRule | None = None

    def check(self) -> None:
        check_name("queue_name", self.name)
        if self == DeclaredPolicy(name=self.name):
            fields = ", ".join(field for field in self.__struct_fields__ if field != "name")
            raise InvalidValue("", f"a policy must have a rule: {fields}")
        _check_places(self, "max_running")
        _check_places(self, "max_running_per_key")
        check_order_of_weights(self.weights, self.order)
        if self.breaker is not None:
            check_breaker(self.breaker)


class DeclaredBreaker(BreakerRule, frozen=True, kw_only=True):
    """The circuit breaker of the task name `name`."""

    kind: ClassVar[str] = "breaker"
    name: str

    def check(self) -> None:
        check_name("task_name", self.name)
        check_breaker(self, "")


Rule = DeclaredLimit | DeclaredPolicy | DeclaredBreaker


def key_of(rule: Rule) -> tuple[str, str]:
    """Its kind and name."""
    return rule.kind, rule.name


def _check_places(rule: DeclaredLimit | DeclaredPolicy, field: str) -> None:
    number: int | None = getattr(rule, field)
    if number is not None:
        check_places(field, number)

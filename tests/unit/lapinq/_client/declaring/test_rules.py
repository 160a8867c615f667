"""Limits, policies and circuit breakers that code declares on a queue, and the wrong ones that it refuses."""

import re
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

import pytest

from lapinq import AsyncTaskQueue, TaskQueue
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.limits.declared import DeclaredBreaker, DeclaredLimit, DeclaredPolicy
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate


@pytest.mark.parametrize("queue", [TaskQueue(queue_name="imports"), AsyncTaskQueue(queue_name="imports")])
def test_a_queue_keeps_what_is_declared_on_it_once(queue: TaskQueue | AsyncTaskQueue) -> None:
    @queue.task("send_mail")
    def send() -> None: ...

    for text in ("60/m", "60/60", "60/1m/60"):
        queue.limit("mailer", rate=text)
    queue.limit("gpu", max_running=2, rate="5/1.5/10")
    queue.policy(max_running=20, order="fair", weights={"gold": 3}, breaker=5)
    queue.policy("mail", rate_per_key="100/h", max_running_per_key=1, breaker={"failure_share": 0.5})
    queue.breaker(send, failures_in_row=5, retry_after_seconds=10)
    queue.breaker("charge", failure_share=0.2)
    assert tuple(rule for _, rule in queue.__lapinq_rules__) == (
        DeclaredLimit(name="mailer", rate=Rate(60, 60, 60)),
        DeclaredLimit(name="gpu", max_running=2, rate=Rate(5, 1.5, 10)),
        DeclaredPolicy(
            name="imports",
            max_running=20,
            order=StartOrder.FAIR,
            weights={"gold": 3},
            breaker=BreakerRule(failures_in_row=5),
        ),
        DeclaredPolicy(
            name="mail",
            rate_per_key=Rate(100, 3600, 100),
            max_running_per_key=1,
            breaker=BreakerRule(failure_share=0.5),
        ),
        DeclaredBreaker(name="send_mail", failures_in_row=5, retry_after_seconds=10),
        DeclaredBreaker(name="charge", failure_share=0.2),
    )
    assert {module for module, _ in queue.__lapinq_rules__} == {__name__}
    assert TaskQueue.__lapinq_rules__ == ()
    with pytest.raises(
        InvalidValue,
        match=rf"the limit 'gpu' is declared already, with other rules, in {re.escape(__file__)}, line \d+: keep"
        " one of them",
    ):
        queue.limit("gpu", max_running=3)
    # The refused one has not taken its place.
    queue.limit("gpu", max_running=2, rate="5/1.5/10")


@pytest.mark.parametrize(("modules", "is_replaced"), [
    (("__main__", "__main__"), True),  # a notebook, whose cells run again
    (("shop.limits", "shop.limits"), True),  # a reload, which makes another spec
    (("shop.limits", "shop.queues"), False),
    (("__main__", "shop.queues"), False),
])  # fmt: skip
def test_a_module_that_runs_again_replaces_its_rules(modules: tuple[str, str], is_replaced: bool) -> None:
    queue = TaskQueue()
    for number, module in enumerate(modules, 1):
        spec = None if module == "__main__" else ModuleSpec(module, None)
        code = f"queue.limit('gpu', max_running={number})"
        space = {"__name__": module, "__spec__": spec, "queue": queue}
        if number == 1 or is_replaced:
            exec(code, space)
        else:
            with pytest.raises(InvalidValue, match="with other rules, in <string>, line 1: keep one of them"):
                exec(code, space)
    rule = DeclaredLimit(name="gpu", max_running=2 if is_replaced else 1)
    assert queue.__lapinq_rules__ == ((modules[0], rule),)


BREAKER_RULES = "no 'failures'; its rules are failures_in_row, "
WRONG: list[tuple[Callable[[Any], None], type[Exception], str]] = [
    (lambda q: q.limit("gpu"), InvalidValue, "a limit must have max_running or rate"),
    (lambda q: q.limit("a b", max_running=1), InvalidValue, "name: must be a name of 1 to 100"),
    (lambda q: q.limit(None, max_running=1), TypeError, "name must be a str, not None"),
    (lambda q: q.limit("gpu", max_running=0), InvalidValue, "max_running: must be from 1 to"),
    (lambda q: q.limit("gpu", max_running=True), TypeError, "max_running must be an int, not True"),
    (lambda q: q.limit("gpu", rate=60), TypeError, 'rate must be a str such as "60/m", not 60'),
    (lambda q: q.limit("gpu", rate="60"), InvalidValue, 'rate: must be an amount per period, such as "60/m"'),
    (lambda q: q.limit("gpu", rate="60/fortnight"), InvalidValue, "rate: must be an amount per period"),
    (lambda q: q.limit("gpu", rate="60/m/ten"), InvalidValue, "rate: must be an amount per period"),
    (lambda q: q.limit("gpu", rate="0/m"), InvalidValue, "rate.limit: must be more than 0"),
    (lambda q: q.limit("gpu", rate="nan/m"), InvalidValue, "rate.limit: must be more than 0"),
    (lambda q: q.limit("gpu", rate="60/m/0"), InvalidValue, "rate.burst: must be from 1"),
    (lambda q: q.policy(), InvalidValue, "a policy must have a rule: max_running, "),
    (lambda q: q.policy("", max_running=1), InvalidValue, "queue_name: must have 1 to 255 characters"),
    (lambda q: q.policy(max_running_per_key="1"), TypeError, "max_running_per_key must be an int, not '1'"),
    (lambda q: q.policy(rate_per_key="1"), InvalidValue, "rate_per_key: must be an amount"),
    (lambda q: q.policy(order="fifo"), InvalidValue, "order: must be one of priority, fair, strict_per_key"),
    (lambda q: q.policy(weights=["gold"]), TypeError, "weights must be a dict, not ['gold']"),
    (lambda q: q.policy(weights={"gold": 0}), InvalidValue, "weights.gold: must be from 0.001"),
    (lambda q: q.policy(breaker="5"), TypeError, "breaker must be a number of failures in a row or a dict"),
    (lambda q: q.policy(breaker={}), InvalidValue, "breaker: must have failures_in_row or failure_share"),
    (lambda q: q.policy(breaker={"failures": 5}), TypeError, BREAKER_RULES),
    (lambda q: q.policy(breaker=0), InvalidValue, "breaker.failures_in_row: must be from 1"),
    (lambda q: q.breaker("send"), InvalidValue, "must have failures_in_row or failure_share"),
    (lambda q: q.breaker(3, failures_in_row=1), TypeError, "task must be a task or the name of one, not 3"),
    (lambda q: q.breaker("send", failures_in_row=1.5), TypeError, "failures_in_row must be an int, not 1.5"),
    (lambda q: q.breaker("send", failure_share="half"), TypeError, "failure_share must be a number"),
    (lambda q: q.breaker("send", failure_share=1.5), InvalidValue, "failure_share: must be more than 0"),
    (lambda q: q.breaker("send", failures=5), TypeError, BREAKER_RULES),
]


def test_a_wrong_rule_is_refused_where_it_stands() -> None:
    queue = TaskQueue()
    for declare, error, said in WRONG:
        with pytest.raises(error, match=re.escape(said)):
            declare(queue)
    assert queue.__lapinq_rules__ == ()

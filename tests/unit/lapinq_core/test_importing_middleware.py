"""Middleware by the names that a setting gives."""

from typing import Any

import pytest

from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.importing import MiddlewareNotUsable, load_middleware
from tests.unit.lapinq_core.conftest import Write

LAYERS = """
from lapinq import Middleware

class Layer(Middleware):
    def __init__(self, name="class"): self.name = name

class Holder:
    layer = Layer("attribute")

instance = Layer("instance")

def factory(): return Layer("factory")

def failing(): return 1 / 0
def wrong(): return 5
def needs_more(more): ...
answer = 42
"""


def test_middleware_is_an_instance_or_what_makes_one(write: Write) -> None:
    write("layers", LAYERS)
    names = ["layers:Layer", "layers:instance", "layers:factory", "layers:Holder.layer"]
    found: list[Any] = list(load_middleware(names))
    assert all(isinstance(one, Middleware) for one in found)
    assert [one.name for one in found] == ["class", "instance", "factory", "attribute"]
    assert load_middleware([]) == ()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("layers", "must have the form module:name, such as app.tracing:Tracing"),
        (":x", "must have the form module:name"),
        ("layers:", "must have the form module:name"),
        ("layers:nothing", "module 'layers' has no 'nothing'"),
        ("no_such_module:x", "no module 'no_such_module'; searched: "),
        ("layers:failing", "cannot be created: ZeroDivisionError: division by zero"),
        ("layers:needs_more", "cannot be created: TypeError: needs_more"),
        ("layers:answer", "cannot be created: TypeError: 'int' object is not callable"),
        ("layers:wrong", "must be a lapinq.Middleware, or a class or function that returns one"),
        ("broken_layers:x", "cannot be created: ModuleNotFoundError: No module named 'no_such_dependency'"),
    ],
)
def test_middleware_that_is_not_usable_is_told_with_its_setting(write: Write, name: str, told: str) -> None:
    write("layers", LAYERS)
    write("broken_layers", "import no_such_dependency")
    with pytest.raises(MiddlewareNotUsable) as caught:
        load_middleware([name])
    assert str(caught.value).startswith(f"middleware {name!r} (--middleware or LAPINQ_WORKER_MIDDLEWARE)")
    assert told in str(caught.value)

"""What any thread may call uses nothing that belongs to the thread of the event loop."""

import ast
from collections.abc import Iterator

from tests.project.code.test_layers import ROOT, name_of, sources

CODE = sorted(sources(ROOT / "lapinq_core", ROOT / "services", ROOT / "lapinq"))
Method = ast.FunctionDef | ast.AsyncFunctionDef


def decorators(method: Method) -> set[str]:
    return {ast.unparse(decorator) for decorator in method.decorator_list}


def used(method: Method) -> set[str]:
    """The attributes of its own object that it reads or calls, not those that it passes on."""
    passed_on = {
        id(argument)
        for call in ast.walk(method)
        if isinstance(call, ast.Call)
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
    }
    return {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and id(node) not in passed_on
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def faults(code: str) -> Iterator[str]:
    """What a method that is marked does although another thread may call it."""
    for owner in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ClassDef)):
        methods = {node.name: node for node in owner.body if isinstance(node, Method)}
        marked = {name for name, method in methods.items() if "any_thread" in decorators(method)}
        for name in sorted(marked):
            if isinstance(methods[name], ast.AsyncFunctionDef):
                yield f"{owner.name}.{name} is a coroutine"
            if any(isinstance(node, ast.Name) and node.id == "asyncio" for node in ast.walk(methods[name])):
                yield f"{owner.name}.{name} uses asyncio"
            for other in sorted(used(methods[name]) & methods.keys() - marked):
                yield f"{owner.name}.{name} uses {other}, which is not marked"


def test_a_method_for_any_thread_uses_no_method_for_the_event_loops_thread() -> None:
    sample = """
class Pool:
    @any_thread
    def halt(self):
        self.stop()
        self._loop.call_soon_threadsafe(self.stop)
        return self.size
    @any_thread
    def wake(self):
        asyncio.get_running_loop()
        self.halt()
    @any_thread
    async def close(self): ...
    def stop(self): ...
    @property
    def size(self): ...
"""
    assert list(faults(sample)) == [
        "Pool.close is a coroutine",
        "Pool.halt uses size, which is not marked",
        "Pool.halt uses stop, which is not marked",
        "Pool.wake uses asyncio",
    ]
    assert [
        (name_of(path), fault) for path in CODE for fault in faults(path.read_text(encoding="utf-8"))
    ] == []

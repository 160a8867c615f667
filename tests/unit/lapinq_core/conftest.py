"""Fixtures of the core's tests."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Write = Callable[[str, str], None]

HEAD = """
import functools
from lapinq import AsyncTaskQueue, TaskQueue

tq = TaskQueue("http://127.0.0.1:9")
atq = AsyncTaskQueue("http://127.0.0.1:9")
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module that can be imported, under a dotted name, until the end of the test."""
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    before = set(sys.modules)

    def write(name: str, text: str) -> None:
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in list(path.parents)[: name.count(".")]:
            (package / "__init__.py").touch()
        path.write_text(HEAD + textwrap.dedent(text))

    yield write
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]

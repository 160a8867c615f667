"""Runs a block of Python as the module that it is, and compares what it prints with the comments that show it."""

import ast
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

from tests.project.docs.guide.blocks import ROOT, Block

_EXAMPLES = [
    path.read_text()
    for folder in (ROOT / "examples", ROOT / "lapinq/commands/project")
    for path in folder.rglob("*.py")
]
_NAMED = re.compile(r"# (\S+)\.py\n")
_SHOWN = re.compile(r"\bprint\(.*\)  # (.+)$")


def is_of_an_example(block: Block) -> bool:
    """Whether it is lines of a program in examples/ or of what `lapinq init` writes. Other tests run both."""
    return any(block.text in text for text in _EXAMPLES)


def is_of_a_suite(block: Block) -> bool:
    """Whether it is a file of the suite that the page on testing shows."""
    return block.page == "testing.md" and block.language == "python"


def run(block: Block, text: str, folder: Path, name: str | None = None) -> ModuleType:
    """Imports `text`, the block with real addresses, and then does what it does as a program.

    A first line such as `# app/tasks.py` names the module.
    """
    name = name or _module_of(block)
    path = folder / f"{name.replace('.', '/')}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    printed = _record_prints(module)
    spec.loader.exec_module(module)
    program = ast.parse(text).body
    for part in program:
        if _is_main(part):
            exec(compile(ast.Module(part.body, []), path, "exec"), vars(module))
    assert not _declares_tasks(program) or not any(map(_enqueues, program)), (
        f"{block.place} enqueues whenever a worker imports it"
    )
    _compare(block, printed)
    return module


def _is_main(part: ast.stmt) -> TypeGuard[ast.If]:
    return isinstance(part, ast.If) and "__main__" in ast.unparse(part.test)


def _declares_tasks(program: list[ast.stmt]) -> bool:
    return any(
        ".task" in ast.unparse(decorator)
        for part in program
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in part.decorator_list
    )


def _enqueues(part: ast.stmt) -> bool:
    """Whether it does so at the import."""
    if _is_main(part) or isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return bool(re.search(r"\.a?queue\(|\.batch_enqueue\(|asyncio\.run\(", ast.unparse(part)))


def _module_of(block: Block) -> str:
    if named := _NAMED.match(block.text):
        return named[1].replace("/", ".")
    return f"{Path(block.page).stem.replace('-', '_')}_{block.line}"


def _record_prints(module: ModuleType) -> dict[int, list[str]]:
    """What the module prints from now on, by line."""
    printed: dict[int, list[str]] = {}

    def record(*values: Any) -> None:
        frame = inspect.currentframe()
        assert frame is not None
        assert frame.f_back is not None
        printed.setdefault(frame.f_back.f_lineno, []).append(" ".join(map(str, values)))

    vars(module)["print"] = record
    vars(module)["PRINTED"] = printed
    return printed


def _compare(block: Block, printed: dict[int, list[str]]) -> None:
    """`# the same` stands for what the line above printed; text after a colon explains."""
    above: list[str] = []
    for number, line in enumerate(block.text.splitlines(), 1):
        texts = printed.get(number, [])
        if found := _SHOWN.search(line):
            shown, place = found[1], f"{block.page}:{block.line + number - 1}"
            assert texts, f"{place} prints nothing"
            if shown == "the same":
                assert texts == above, place
            else:
                assert all(f"{shown}: ".startswith(f"{text}: ") for text in texts), f"{place} prints {texts}"
        above = texts

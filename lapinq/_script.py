"""The module name of the script that was started.

Its functions live in a module called `__main__`, which in a worker is the worker. They get the name under
which a worker can import the same file, or an error that says what to do. Imported only when needed.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lapinq._naming import ADVICE, MAIN, is_dotted_name
from lapinq.errors import TaskNotImportable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec


def importable_name(variables: dict[str, Any], task_name: str) -> str:
    """`variables` are those of the script, with its `__file__`. Raises `TaskNotImportable`."""
    file: str | None = variables.get("__file__")
    if not file or not Path(file).is_file():
        raise TaskNotImportable(
            f"task {task_name!r} was defined in an interactive session or on standard input,"
            f" where no worker can import it from. {ADVICE}",
            task_name=task_name,
        )
    script = Path(file).resolve()
    spec: ModuleSpec | None = variables.get("__spec__")  # of `python -m`, or of a tool
    if spec is not None and spec.name not in MAIN and _is_file(spec.origin, script):
        return spec.name
    for name in _names_on_path(script):
        if name not in MAIN and is_dotted_name(name) and _resolves_to(name, script):
            return name
    raise TaskNotImportable(
        f"task {task_name!r} was defined in {script}, which cannot be imported under any name:"
        f" another module may have its name, or its name is none for a module. {ADVICE}"
        " Or start the script as a module: python -m package.module",
        task_name=task_name,
    )


def _names_on_path(script: Path) -> Iterator[str]:
    """Names for the file by each entry of sys.path above it, the script's own directory last.

    Python puts that one there for this script alone. The others (PYTHONPATH, an installed project) a worker
    shares, and in a package they give the module its full name.
    """
    if script.suffix != ".py":
        return
    entries = [Path(entry).resolve() for entry in sys.path]
    for entry in sorted(entries, key=lambda entry: entry == script.parent):
        if script.is_relative_to(entry):
            parts = script.relative_to(entry).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _resolves_to(name: str, script: Path) -> bool:
    """Whether importing `name` would run this very file. Nothing is imported to find out."""
    first, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):  # the name is taken by a module that has no file
        return False
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations)
    return spec is not None and _is_file(spec.origin, script)


def _is_file(origin: str | None, script: Path) -> bool:
    return origin is not None and Path(origin).resolve() == script

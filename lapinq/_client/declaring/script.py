"""The module name of the script that Python was started with.

Its functions are in a module called `__main__`, which in a worker is the worker. They need the name under which a
worker imports the same file. If there is none, the error says what to do. Imported for tasks of a script only.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lapinq._client.declaring.names import ADVICE, MAIN, is_dotted_name
from lapinq.errors import TaskNotImportable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec


def importable_name(variables: dict[str, Any], task_name: str) -> str:
    """`variables` are the script's globals, with its `__file__`. Raises `TaskNotImportable`."""
    file: str | None = variables.get("__file__")
    if not file or not Path(file).is_file():
        raise TaskNotImportable(
            f"task {task_name!r} was defined in an interactive session or on standard input, from where no worker can"
            f" import it. {ADVICE}",
            task_name=task_name,
        )
    script = Path(file).resolve()
    spec: ModuleSpec | None = variables.get("__spec__")  # set by `python -m` and by some tools
    if spec is not None and spec.name not in MAIN and _is_file(spec.origin, script):
        return spec.name
    for name in _names_on_path(script):
        if name not in MAIN and is_dotted_name(name) and _resolves_to(name, script):
            return name
    raise TaskNotImportable(
        f"task {task_name!r} was defined in {script}, which cannot be imported under any name:"
        f" another module may have its name, or its name is no module name. {ADVICE}"
        " Or start the script as a module: python -m package.module",
        task_name=task_name,
    )


def _names_on_path(script: Path) -> Iterator[str]:
    """The file's name relative to each entry of sys.path above it, the script's own directory last.

    Python adds that directory for this script only. A worker shares the others (PYTHONPATH, an installed project), and
    relative to them a module in a package has its full name.
    """
    if script.suffix != ".py":
        return
    entries = [Path(entry).resolve() for entry in sys.path]
    for entry in sorted(entries, key=lambda entry: entry == script.parent):
        if script.is_relative_to(entry):
            parts = script.relative_to(entry).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _resolves_to(name: str, script: Path) -> bool:
    """Whether importing `name` would run this file. Doesn't import anything."""
    first, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):  # a module without a file has the name
        return False
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations)
    return spec is not None and _is_file(spec.origin, script)


def _is_file(origin: str | None, script: Path) -> bool:
    return origin is not None and Path(origin).resolve() == script

"""Gives this process, and the Python processes it starts, changed source for some modules, and changed statements.

Python imports a module of this name at its start; `tests.mutation.applying` puts this folder on the PYTHONPATH.
LAPINQ_TEST_MUTATION names a JSON file: source by the module's name, SQL by "package:verb".
"""

import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

_CHANGED: dict[str, str] = json.loads(Path(os.environ["LAPINQ_TEST_MUTATION"]).read_text(encoding="utf-8"))
_STATEMENTS = "lapinq_core.db.statements"
_READ_CHANGED = """
_sql = sql

@cache
def sql(package, verb):
    return {changed!r}.get(f"{{package}}:{{verb}}") or _sql(package, verb)
"""


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        source = _CHANGED.get(fullname) or Path(self.path).read_text(encoding="utf-8")
        if fullname == _STATEMENTS:
            source += _READ_CHANGED.format(changed=_CHANGED)
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _CHANGED and fullname != _STATEMENTS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


sys.meta_path.insert(0, _Finder())

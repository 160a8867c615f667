"""Runs tests on changed source, in pytest and in the programs its tests start. No file of the product is touched."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.database.postgres import TEMPLATE_VARIABLE
from tests.support.programs.processes import REPOSITORY

SITE = Path(__file__).with_name("site")
_NO_PLUGINS = ("cacheprovider", "hypothesispytest", "playwright", "pytest_cov", "xdist")
"""They cost half of a short run, and no test needs them to run alone."""


def run_tests(
    changes: Mapping[Path, str],
    tests: Sequence[str],
    folder: Path,
    server: str,
    template: str,
    seconds: float,
) -> tuple[int, str]:
    """The exit code and output of pytest with `changes`, new text by file. Raises subprocess.TimeoutExpired."""
    changed = folder / "changed.json"
    changed.write_text(json.dumps({_name(path): text for path, text in changes.items()}), encoding="utf-8")
    env = {
        **os.environ,
        "LAPINQ_TEST_MUTATION": str(changed),
        "PYTHONPATH": os.pathsep.join([str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "LAPINQ_TEST_DATABASE_URL": server,
        TEMPLATE_VARIABLE: template,
    }
    env.pop("PYTEST_ADDOPTS", None)
    options = ("-q", "--color=no", *(f"-pno:{plugin}" for plugin in _NO_PLUGINS))
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=REPOSITORY,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        try:
            output, _ = run.communicate(timeout=seconds)
        except BaseException:  # too long, or interrupted: as Ctrl-C, so that it ends what it started
            run.terminate()
            raise
    return run.returncode, output


def _name(path: Path) -> str:
    """What `site/sitecustomize.py` knows a file by."""
    parts = path.with_suffix("").parts
    if path.suffix == ".sql":
        return f"{'.'.join(parts[:-2])}:{parts[-1]}"
    return ".".join(parts[1:] if parts[0] in {"services", "migrations"} else parts).removesuffix(".__init__")

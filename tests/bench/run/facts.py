"""The machine and the versions, so that figures can be told apart later."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from tests.bench.run.processes import ROOT

_PACKAGES = ("lapinq", "psycopg", "psycopg-binary", "uvloop", "msgspec", "uvicorn", "starlette", "httptools")


def machine_facts() -> dict[str, object]:
    """Cores, memory, load and kernel."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
    }


def version_facts() -> dict[str, str]:
    """Python, the commit of this clone, and the packages that do the work."""
    return {
        "Python": platform.python_version(),
        "commit": _commit(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()

"""The machine and the versions, so that figures can be told apart later."""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

from tests.bench.run.processes import ROOT

_PACKAGES = ("lapinq", "psycopg", "psycopg-binary", "uvloop", "msgspec", "uvicorn", "starlette", "httptools")


def machine_facts() -> dict[str, object]:
    processor = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "processor": processor[1].strip() if processor else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
    }


def version_facts() -> dict[str, str]:
    """Python, the commit of this clone, and the packages that do the work."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        commit = "unknown"
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"Python": platform.python_version(), "commit": commit, **packages}

"""Environments of the contenders, each in `.bench/NAME` with pinned versions, made when first needed."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.bench.run.processes import ROOT, BenchError, Processes

DIRECTORY = ROOT / ".bench"
INSTALL_SECONDS = 300.0
NODE = "26.10.0"
"""The npm package `node` brings it, so that it needn't be on the machine."""


class Environment(msgspec.Struct, frozen=True):
    """Where a contender's packages are."""

    directory: Path
    versions: dict[str, str]

    def program(self, name: str) -> str:
        """The path of one of its programs."""
        return str(self.directory / "bin" / name)


def environment_of(name: str, packages: Sequence[str], processes: Processes) -> Environment:
    """That of `packages`, which are all of npm, as NAME@VERSION, or all of PyPI, as NAME==VERSION."""
    is_node = "@" in packages[0]
    wanted = [f"node@{NODE}", *packages] if is_node else [sys.version, *packages]
    directory = DIRECTORY / name
    stamp = directory / "made.json"
    if not stamp.exists() or json.loads(stamp.read_text()) != wanted:
        shutil.rmtree(directory, ignore_errors=True)
        for command in _with_npm(directory, wanted) if is_node else _with_pip(directory, packages):
            processes.run(command, {}, limit=INSTALL_SECONDS)
        stamp.write_text(json.dumps(wanted) + "\n")
    language = {"Node": NODE} if is_node else {"Python": sys.version.split()[0]}
    return Environment(directory, language | dict(one.split("@" if is_node else "==") for one in packages))


def _with_pip(directory: Path, packages: Sequence[str]) -> list[list[str]]:
    python = str(directory / "bin" / "python")
    return [
        [sys.executable, "-m", "venv", str(directory)],
        [python, "-m", "pip", "install", "--quiet", *packages],
    ]


def _with_npm(directory: Path, packages: Sequence[str]) -> list[list[str]]:
    npm = shutil.which("npm")
    if npm is None:
        raise BenchError(f"{directory.name} needs npm, which comes with Node.js")
    directory.mkdir(parents=True)
    (directory / "package.json").write_text('{"private": true}\n')
    (directory / "bin").symlink_to("node_modules/.bin")
    return [[npm, "install", "--no-audit", "--no-fund", "--prefix", str(directory), *packages]]

"""Environments of the contenders, each in `.bench/NAME` with pinned versions, made when first needed."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tests.bench.contenders.contender import Processes
from tests.bench.run.processes import ROOT, BenchError

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


def python_environment(name: str, requirements: Sequence[str], processes: Processes) -> Environment:
    """A virtual environment of this Python with `requirements`, which name one version each."""
    directory = DIRECTORY / name
    wanted = [sys.version, *requirements]
    if not _is_made(directory, wanted):
        processes.run([sys.executable, "-m", "venv", "--clear", str(directory)], {}, limit=INSTALL_SECONDS)
        install = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements]
        processes.run(install, {}, limit=INSTALL_SECONDS)
        _made(directory, wanted)
    versions = dict(one.replace(" ", "").split("==") for one in requirements)
    return Environment(directory, {"Python": sys.version.split()[0], **versions})


def node_environment(name: str, packages: Mapping[str, str], processes: Processes) -> Environment:
    """A directory with Node and `packages`, of the versions given."""
    directory = DIRECTORY / name
    wanted = {"node": NODE, **packages}
    if not _is_made(directory, wanted):
        npm = shutil.which("npm")
        if npm is None:
            raise BenchError(f"{name} needs npm, which comes with Node.js")
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        (directory / "package.json").write_text('{"private": true}\n')
        install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(directory)]
        install += [f"{package}@{version}" for package, version in wanted.items()]
        processes.run(install, {}, limit=INSTALL_SECONDS)
        (directory / "bin").symlink_to("node_modules/.bin")
        _made(directory, wanted)
    return Environment(directory, {"Node": NODE, **packages})


def _is_made(directory: Path, wanted: object) -> bool:
    stamp = directory / "made.json"
    return stamp.exists() and json.loads(stamp.read_text()) == wanted


def _made(directory: Path, wanted: object) -> None:
    (directory / "made.json").write_text(json.dumps(wanted) + "\n")

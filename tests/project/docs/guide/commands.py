"""Runs the commands of a block, or checks them where they would start a program that goes on."""

import argparse
import importlib
import importlib.util
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import httpx
from click.testing import CliRunner
from packaging.requirements import Requirement

from lapinq.cli import cli
from lapinq_core.runtime.settings import load_settings
from tests.project.docs.guide.blocks import ROOT, Block

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_VARYING = {
    "…": ".*",
    "id": _UUID,
    "time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "offset": r"[+-]\d{4}",
    "wait": r"in (?:\d+ [dhms] ?)+",
}
"""The patterns of what differs from run to run in an output. `…` stands for anything."""
_VARIES = re.compile("|".join(["…", *list(_VARYING.values())[1:]]))

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

RUN = {"apply", "limit", "migrate", "schedule", "task"}
"""Commands that end by themselves."""


class Outputs:
    """Compares what commands print with what their page shows. An id is another one each time."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def with_real_ids(self, command: str) -> str:
        """With the ids that the outputs before really had."""
        return re.sub(_UUID, lambda found: self._ids.get(found[0], found[0]), command)

    def compare(self, block: Block, shown: list[str], output: str) -> None:
        lines = output.splitlines()
        for expected, line in zip(shown, lines, strict=shown[-1] != "…"):
            assert re.fullmatch(_pattern(expected), line.rstrip()), (
                f"{block.place} shows {expected}, but got {line}"
            )
            self._ids |= dict(zip(re.findall(_UUID, expected), re.findall(_UUID, line), strict=True))


class Commands:
    """Runs the commands of a page, from its folder of files, on a server and its database."""

    def __init__(self, client: httpx.Client, database: str, folder: Path) -> None:
        self._client = client
        self._database = database
        self._folder = folder
        self._outputs = Outputs()

    def check(self, block: Block) -> None:
        for command, shown in steps(block):
            output = self._run(block, self._outputs.with_real_ids(command))
            if shown and output is not None:
                self._outputs.compare(block, shown, output)

    def _run(self, block: Block, command: str) -> str | None:
        """The output; None if nothing was run."""
        match shlex.split(command, comments=True):
            case ["lapinq", "init", *arguments]:
                return CliRunner().invoke(cli, ["init", *arguments], catch_exceptions=False).output
            case ["git", "clone", _, clone]:
                Path(clone).mkdir()
            case ["python3", "-m", "venv", place]:
                Path(place, "bin").mkdir(parents=True)
                Path(place, "bin/activate").touch()
            case [".", file]:
                assert Path(file).exists()
            case ["cd", folder]:
                os.chdir(folder)
            case ["docker", "compose", "up", "--build"]:
                assert Path("compose.yaml").exists()
            case ["lapinq" | "lapinq-api" as program, *arguments]:
                return self._lapinq(program, arguments)
            case ["curl", *arguments]:
                return self._curl(arguments)
            case ["pip", "wheel", "--no-deps", "../lapinq"]:
                assert Path("../lapinq").is_dir()
            case ["pip", "install", *arguments]:
                for requirement in arguments:
                    _check_requirement(requirement)
            case ["python", "-m", module]:
                assert importlib.util.find_spec(module)
            case ["python", "manage.py", name]:
                assert (
                    name == "migrate"
                    or (ROOT / f"lapinq/contrib/django/management/commands/{name}.py").exists()
                )
            case ["python", file, *_]:
                assert Path(file).exists() or (self._folder / file).exists()
            case ["flask", "--app", module, "run"]:
                assert (self._folder / f"{module}.py").exists()
            case ["export", *settings]:
                load_settings(_pairs(settings))
            case [script] if script.startswith("./scripts/"):
                assert (ROOT / script).exists()
            case [*settings] if all("=" in one for one in settings):
                load_settings(_pairs(settings))
            case _:
                raise AssertionError(f"{block.place}: there is no rule for {command!r}")
        return None

    def _lapinq(self, program: str, arguments: list[str]) -> str | None:
        command: click.Command = cli if program == "lapinq" else importlib.import_module("lapinq_api.cli").api
        if program == "lapinq" and arguments[0] in RUN:
            done = CliRunner().invoke(
                cli, [*arguments, "--database-url", self._database], catch_exceptions=False
            )
            assert done.exit_code in ((0, 2) if "--check" in arguments else (0,)), done.output
            return done.output
        rest = arguments
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            _, found, rest = command.resolve_command(click.Context(command), rest)
            assert found is not None
            command = found
        command.make_context(program, list(rest))  # complains of flags and values that it doesn't have
        return None

    def _curl(self, arguments: list[str]) -> str:
        parser = argparse.ArgumentParser(exit_on_error=False)
        parser.add_argument("url")
        parser.add_argument("--json")
        parser.add_argument("-X", default=None)
        parser.add_argument("-s", "-G", action="store_true")
        parser.add_argument("-d", "--data-urlencode", action="append", default=[], dest="data")
        given = parser.parse_args(arguments)
        answer = self._client.request(
            given.X or ("POST" if given.json else "GET"),
            httpx.URL(given.url).raw_path.decode(),
            params=dict(one.split("=", 1) for one in given.data) or None,
            content=given.json,
            headers={"Content-Type": "application/json"} if given.json else {},
        )
        assert answer.is_success, answer.text
        return answer.text


def _check_requirement(text: str) -> None:
    """It is the clone of lapinq, with extras that there are, or a package that lapinq depends on.

    By its name, the package index has another lapinq.
    """
    if text.startswith("--"):
        return
    ours = f"lapinq[{','.join(_PROJECT['optional-dependencies'])}]"
    assert not text.startswith("lapinq"), text
    text = text.removeprefix("./")
    wanted, known = Requirement(text), map(Requirement, [ours, *_PROJECT["dependencies"]])
    assert any(wanted.name == one.name and wanted.extras <= one.extras for one in known), text


def _pattern(shown: str) -> str:
    done, end = "", 0
    for found in _VARIES.finditer(shown):
        kind = next(kind for kind in reversed(_VARYING.values()) if re.fullmatch(kind, found[0]))
        done += re.escape(shown[end : found.start()]) + kind
        end = found.end()
    return done + re.escape(shown[end:])


def _pairs(settings: list[str]) -> Mapping[str, str]:
    pairs: dict[str, Any] = dict(one.split("=", 1) for one in settings)
    return {name: value.replace("…", "a" * 40) for name, value in pairs.items()}


def steps(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command with the output that the block shows. Where no line begins with `$`, all are commands."""
    lines = block.text.splitlines()
    if not any(line.startswith("$ ") for line in lines):
        command = ""
        for line in lines:
            command = f"{command}\n{line}" if command else line
            try:
                shlex.split(command)
            except ValueError:
                continue  # it goes on in the next line
            yield command, []
            command = ""
        assert not command
        return
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix("$ "), lines[start + 1 : end]

"""`lapinq init`: writes a small project that runs."""

import os.path
import re
import shlex
from pathlib import Path

import click
import msgspec

from lapinq.commands.console.failure import Failed
from lapinq.commands.output.json_output import json_flag
from lapinq_core.command_line.commands import Command
from lapinq_core.domain.version import __version__

_TEMPLATES = Path(__file__).parent / "project"
_FILES = {
    "tasks.py": "tasks.py",
    "enqueue.py": "enqueue.py",
    "tests/test_tasks.py": "tests/test_tasks.py",
    "pyproject.toml": "pyproject.toml",
    "compose.yaml": "compose.yaml",
    "Dockerfile": "Dockerfile",
    ".gitignore": "dot-gitignore",  # git would take it for ours
    "README.md": "README.md",
}
"""What is written, in the order to read it, and its template."""
_NEXT = """
Now start it:
{enter}  lapinq server --worker --scheduler --schedules tasks
and in another terminal enqueue a task:
{enter}  python enqueue.py Ada
"""


@click.command(cls=Command)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
@json_flag
def init(directory: Path, as_json: bool) -> None:
    """Create a small project that runs in DIRECTORY, by default the current one.

    It has tasks, a program that enqueues one, tests, and containers. No file is overwritten: if one already exists,
    nothing is written.
    """
    name = _project_name(directory)
    taken = [str(directory / file) for file in _FILES if os.path.lexists(directory / file)]
    if taken:
        raise Failed(f"nothing was written, because it would replace {', '.join(taken)}")
    for file, template in _FILES.items():
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        _write(directory / file, text.replace("@NAME@", name).replace("@VERSION@", __version__))
    if as_json:
        click.echo(msgspec.json.encode({"directory": str(directory.resolve()), "files": [*_FILES]}))
        return
    for file in _FILES:
        click.echo(f"wrote {directory / file}")
    enter = "" if directory.resolve() == Path.cwd() else f"  cd {shlex.quote(str(directory))}\n"
    click.echo(_NEXT.format(enter=enter).rstrip())


def _project_name(directory: Path) -> str:
    """The directory's name as the name of a Python project."""
    given = directory.resolve().name
    name = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-")
    if not name:
        raise click.BadParameter(
            f"{given!r} has no letter from a to z and no digit, which a project's name needs",
            param_hint="DIRECTORY",
        )
    if name == "lapinq":
        raise click.BadParameter("a project that needs lapinq can't be called lapinq", param_hint="DIRECTORY")
    return name


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:  # never replaces a file, even one that came just now
            file.write(text)
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror or error}") from error

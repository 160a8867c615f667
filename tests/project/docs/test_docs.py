"""What the documentation says of settings, commands, states and files is what the code says."""

import importlib
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_origin, get_type_hints
from urllib.parse import unquote

import click
import msgspec
import pytest

from lapinq._client import environment
from lapinq.cli import cli
from lapinq_core.command_line.help_page import Context
from lapinq_core.doctor import connections
from lapinq_core.doctor.examination import CHECKS
from lapinq_core.doctor.verifying import COMPARED
from lapinq_core.domain.tasks.state import FINAL, TRANSITIONS, Status
from lapinq_core.runtime import exits
from lapinq_core.runtime.setting_texts import TEXTS
from lapinq_core.runtime.settings import SECRETS, Settings, variable, variables

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for folder in (ROOT, DOCS, ROOT / "examples", ROOT / "scripts", ROOT / "tests")
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)
SETTINGS = (DOCS / "reference" / "settings.md").read_text()
COMMAND_LINE = (DOCS / "reference" / "command-line.md").read_text()
STATES = (DOCS / "state-machine.md").read_text()

FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[a-zA-Z])(?![\w-])")


def rows(text: str) -> list[list[str]]:
    """The cells of every table row in `text`, without heads and rules."""
    found: list[list[str]] = []
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        is_rule, is_head = "---" in line, re.match(r"\| *:?---", following)
        if line.startswith("|") and not is_rule and not is_head:
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
    return found


def section(text: str, heading: str) -> str:
    """What stands below `heading`, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no section {heading!r}"
    return found[1]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Settings


SETTING_ROWS = {cells[0].strip("`"): cells for cells in rows(SETTINGS)}


def test_the_page_lists_every_setting_and_no_other() -> None:
    assert list(TEXTS) == list(Settings.__struct_fields__)
    assert set(SETTING_ROWS) == {variable(field) for field in Settings.__struct_fields__}


@pytest.mark.parametrize("field", Settings.__struct_fields__)
def test_a_setting_has_its_default_and_flags(field: str) -> None:
    _, flags, default, meaning = SETTING_ROWS[variable(field)]
    assert default == shown(msgspec.structs.asdict(Settings())[field])
    assert set(FLAG.findall(flags)) == flags_of(field)
    assert re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", meaning).startswith(TEXTS[field].removesuffix("."))
    hint = get_type_hints(Settings)[field]
    # The meaning of a list is in the plural.
    plurals = {"patterns", "queues", "modules", "origins", "addresses", "secrets", "names"}
    assert get_origin(hint) is not tuple or any(plural in meaning.lower() for plural in plurals)


def shown(default: object) -> str:
    if default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"{default:g}" if isinstance(default, float) else str(default)


def flags_of(field: str) -> set[str]:
    return {
        name
        for command in COMMANDS.values()
        for param in command.params
        if param.name == field
        for name in (*param.opts, *param.secondary_opts)
        if name.startswith("-")
    }


def test_the_pages_name_the_secrets_that_may_be_files_and_no_variable_that_is_not_read() -> None:
    files = {f"{name}_FILE" for field in SECRETS for name in variables(field)}
    assert set(re.findall(r"`(\w+_FILE)`", SETTINGS)) == files
    known = {name for field in Settings.__struct_fields__ for name in variables(field)}
    known |= {*files, environment.URL, environment.API_KEY}
    scripts_own = {"LAPINQ_TEST_PG_BIN", "LAPINQ_TEST_DATABASE_URL", "LAPINQ_TEST_BROWSER", "LAPINQ_PACKAGES"}
    mistaken = {"LAPINQ_APIKEY"}
    named = {
        (name_of(page), name)
        for page in PAGES
        for name in re.findall(r"\bLAPINQ_[A-Z_]+\b", page.read_text())
    }
    assert {pair for pair in named if pair[1] not in known | scripts_own | mistaken} == set()


# Commands


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from walk(child, f"{path} {name}")


@cache
def commands() -> dict[str, click.Command]:
    """Every command that can be called, by the words it is called with."""
    api: click.Command = importlib.import_module("lapinq_api.cli").api
    return {**dict(walk(cli, "lapinq")), "lapinq-api": api}


COMMANDS = commands()
PROGRAMS = {"lapinq server", "lapinq worker", "lapinq scheduler", "lapinq-api"}
OWN_OUTPUT = {"lapinq api", "lapinq health", "lapinq completion", "lapinq db url", "lapinq db psql"}
"""The first two print what a server answers, which is JSON."""


def test_the_page_has_every_command_and_no_other() -> None:
    headings = set(re.findall(r"^### (lapinq.*)$", COMMAND_LINE, re.MULTILINE))
    assert headings == set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_explains_itself_and_has_exactly_the_flags_and_arguments_of_the_page(path: str) -> None:
    command, text = COMMANDS[path], section(COMMAND_LINE, path)
    assert command.help
    assert command.context_class is Context, "its class is none of lapinq_core.command_line"
    headings = [
        each
        for each in ("The database", "The database or a server", "The log")
        if f"(#{each.lower().replace(' ', '-')})" in text
    ]
    tables = [text, *(section(COMMAND_LINE, heading) for heading in headings)]
    named = {flag for table in tables for cells in rows(table) for flag in FLAG.findall(cells[0])}
    # Of `--version` the top of the page tells.
    options = [param for param in command.params if isinstance(param, click.Option)]
    shown = [param for param in options if not param.hidden and "--version" not in param.opts]
    assert named == {name for param in shown for name in (*param.opts, *param.secondary_opts)}
    assert [param.name for param in options if not param.help] == []
    assert "--json" in {name for param in options for name in param.opts} or path in PROGRAMS | OWN_OUTPUT
    required = [param for param in command.params if isinstance(param, click.Argument) and param.required]
    assert all(param.make_metavar(click.Context(command)) in text for param in required)


def test_the_separate_programs_are_the_commands_of_the_same_name() -> None:
    for name in ("worker", "scheduler"):
        program: click.Command = getattr(importlib.import_module(f"lapinq_{name}.cli"), name)
        command = COMMANDS[f"lapinq {name}"]
        assert program.help
        assert (command.help or "").startswith(program.help)
        assert {param.name for param in program.params} == {*(p.name for p in command.params), "version"}
        assert f"`lapinq-{name}` is the same" in section(COMMAND_LINE, f"lapinq {name}")


def test_every_exit_code_is_listed() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper()}
    listed = {int(cells[0]) for cells in rows(COMMAND_LINE) if cells[0].isdigit()}
    assert listed == codes | {0}


# States


def test_the_statuses_the_table_of_moves_and_the_chart_are_the_state_machine() -> None:
    table = {(Status(a), Status(b)): reason for a, b, reason in rows(section(STATES, "Moves"))}
    code = {(a, b): reason for a, moves in TRANSITIONS.items() for b, reason in moves.items()}
    assert table == code
    chart = re.search(r"```mermaid\n(.*?)```", STATES, re.DOTALL)
    assert chart
    arrows = set(re.findall(r"^\s*(\S+) --> (\S+?)(?::|$)", chart[1], re.MULTILINE))
    assert arrows == {*code, ("[*]", "pending"), *((status, "[*]") for status in FINAL)}
    assert {cells[0].strip("`") for cells in rows(section(STATES, "Statuses"))} == set(Status)


# The doctor


def test_every_check_of_the_doctor_is_explained() -> None:
    explained = re.findall(r"^### `(\w+)`$", (DOCS / "operate" / "doctor.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted((*CHECKS, *COMPARED))


def test_the_doctor_counts_the_connections_that_the_page_tells() -> None:
    table = rows(section((DOCS / "operate" / "pooler.md").read_text(), "How many connections"))
    told = {name: cells for name, *cells in table}
    assert told["worker"][:2] == [str(connections.WORKER), str(connections.WORKER_DIRECT)]
    assert told["scheduler"][:2] == [str(connections.SCHEDULER), str(connections.SCHEDULER_DIRECT)]
    assert told["`lapinq-api`"][1] == str(connections.API_LISTENS)


# Promises


def test_every_promise_names_tests_that_exist() -> None:
    text = (DOCS / "promises.md").read_text()
    named = re.findall(r"^- `(.+)::(\w+)`$", text, re.MULTILINE)
    missing = [
        (path, test)
        for path, test in named
        if not (ROOT / path).exists() or f"def {test}(" not in (ROOT / path).read_text()
    ]
    assert missing == []
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [title for title in titles if "\n- `tests/" not in section(text, title)] == ["Not promised"]


# Pages


OURS = re.compile(
    r"https://(?:github\.com/lapinq/lapinq/(?:blob|tree)|raw\.githubusercontent\.com/lapinq/lapinq)/main/"
)
"""How absolute links to files of the repository begin."""


def targets(page: Path) -> list[str]:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    return re.findall(r"!?\[[^\]]*\]\(([^)\s]+)\)", text)


def links(page: Path) -> Iterator[str]:
    """The links to files of the repository, also the absolute ones, relative to the page's folder."""
    for target in targets(page):
        if ours := OURS.match(target):
            yield os.path.relpath(ROOT / unquote(target[ours.end() :]), page.parent)
        elif not re.match(r"[a-z]+:", target):
            yield unquote(target)


@cache
def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        target, _, anchor = link.partition("#")
        place = (path.parent / target).resolve() if target else path
        assert place.exists(), link
        assert place.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(place), link


@pytest.mark.parametrize("path_of", ["an enqueue", "an execution"])
def test_a_drawn_path_names_files_that_exist(path_of: str) -> None:
    path = section((DOCS / "architecture.md").read_text(), f"The path of {path_of}").split("```")[1]
    named: list[Path] = []
    folder = ROOT
    for line in filter(None, path.splitlines()):
        name = line.split()[0]
        if line.startswith(" "):
            named.append(folder / name)
        else:
            folder = ROOT / name
    assert len(named) > 30
    assert [file for file in named if not file.exists()] == []


def test_the_readme_leads_to_its_own_clone() -> None:
    # The page on the package index gets absolute links when it is built: hatch_build.py.
    assert [link for link in targets(ROOT / "README.md") if OURS.match(link)] == []


def test_the_first_change_is_where_contributing_says() -> None:
    text = section((ROOT / "CONTRIBUTING.md").read_text(), "Your first change")
    said = re.search(r"^\$ git grep -l (\S+) (.*)\n((?:\w.*\n)+)", text, re.MULTILINE)
    assert said
    word, folders, files = said.groups()
    found = subprocess.run(
        ["git", "grep", "-l", word, *folders.split()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == files
    assert [path for path in re.findall(r"\btests/[\w/.]+", text) if not (ROOT / path).exists()] == []


def test_every_page_and_decision_is_in_its_index_and_decisions_are_numbered_once() -> None:
    folder = DOCS / "decisions"
    listed = [link for link in links(folder / "README.md") if re.match(r"\d", link)]
    assert listed == sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")
    assert len({name[:4] for name in listed}) == len(listed)
    pages = {page for page in DOCS.rglob("*.md") if page.parent != folder}
    assert pages - {(DOCS / link).resolve() for link in links(DOCS / "README.md")} == {DOCS / "README.md"}


def test_every_page_is_reached_from_the_readme() -> None:
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            todo += [
                (page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"
            ]
    assert set(DOCS.rglob("*.md")) <= reached

"""Rules about where code stands, checked on the files themselves, beyond the contracts of `lint-imports`."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from lapinq_core.db.statements import split
from tests.support.database.statements import statements_in

ROOT = Path(__file__).parents[3]
PACKAGES = [
    ROOT / "lapinq",
    ROOT / "lapinq_core",
    ROOT / "services" / "lapinq_api",
    ROOT / "services" / "lapinq_worker",
    ROOT / "services" / "lapinq_scheduler",
    ROOT / "migrations" / "lapinq_migrations",
]
STATEMENTS = statements_in(ROOT / "lapinq_core")
QUERIES = sorted((ROOT / "lapinq_core").rglob("sql/queries.sql"))

SQL = re.compile(
    r"\s*(/\*.*?\*/\s*)?"
    r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|TRUNCATE|LISTEN|NOTIFY|SET|LOCK)\s+\S"
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def sources(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def texts(path: Path) -> Iterator[str]:
    """The string constants of a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def test_the_client_imports_of_ours_the_domain_alone_unless_it_reaches_the_database() -> None:
    roots = {"lapinq_core", "lapinq_api", "lapinq_worker", "lapinq_scheduler", "lapinq_migrations"}
    # Those that put everything together, and the rooms that reach the database.
    others = {
        "cli.py",
        "server.py",
        "__main__.py",
        "commands",
        "testing",
        "contrib",
        "transaction",
        "database",
    }
    client = [path for path in sources(ROOT / "lapinq") if not others & {*path.parts}]
    imported = {
        (name_of(path), module)
        for path in client
        for module in re.findall(r"^\s*(?:from|import) (\w[\w.]*)", path.read_text(), re.MULTILINE)
        if module.partition(".")[0] in roots
    }
    assert {pair for pair in imported if not pair[1].startswith("lapinq_core.domain")} == set()


def test_every_statement_is_one_statement_that_begins_by_saying_what_it_does_and_locks() -> None:
    assert len(STATEMENTS) > 20
    silent: list[str] = []
    for path, text in STATEMENTS.items():
        lines = text.splitlines()
        comment = [line for line in lines if line.startswith("--")]
        is_one_block_at_the_top = lines[: len(comment)] == comment
        says = re.match(r"-- [A-Z].{10,}", lines[0]) and re.search(r"\bLocks?\b", " ".join(comment))
        body = re.sub(r"--[^\n]*", "", text).strip()
        if not says or not is_one_block_at_the_top or ";" in body.removesuffix(";"):
            silent.append(name_of(path))
    assert silent == []


def test_every_statement_is_used_by_its_package_and_every_one_that_is_named_exists() -> None:
    in_users_transactions = _texts_of(sources(ROOT / "lapinq/_client/transaction"))
    for package in {path.parents[1] for path in STATEMENTS}:
        # Rooms inside the package have statements of their own.
        modules = list(package.glob("*.py"))
        verbs = {path.stem for path in STATEMENTS if path.parents[1] == package}
        named = {verb for path in modules for verb in re.findall(r"\bsql\(\"(\w+)\"\)", path.read_text())}
        assert named - verbs == set(), name_of(package)
        assert verbs - _texts_of(modules) - in_users_transactions == set(), name_of(package)


def _texts_of(modules: Iterable[Path]) -> set[str]:
    return {text for module in modules for text in texts(module)}


def test_a_statement_that_waits_for_a_lock_or_is_long_is_a_file_of_its_own() -> None:
    locks = re.compile(r"\bFOR (NO KEY )?(UPDATE|SHARE|KEY SHARE)\b|\bLOCK TABLE\b|advisory")
    assert [
        (name_of(path), verb)
        for path in QUERIES
        for verb, text in split(path.read_text()).items()
        for body in [re.sub(r"^--[^\n]*\n", "", text, flags=re.MULTILINE).strip()]
        if locks.search(body) or body.count("\n") >= 8
    ] == []


def test_a_statement_has_one_place() -> None:
    ordered = {path: re.findall(r"^-- name: (\w+)$", path.read_text(), re.MULTILINE) for path in QUERIES}
    assert [name_of(path) for path, verbs in ordered.items() if verbs != sorted(set(verbs))] == []
    assert [
        name_of(path.with_stem(verb))
        for path, verbs in ordered.items()
        for verb in verbs
        if path.with_stem(verb).exists()
    ] == []


def test_services_and_client_hold_no_sql() -> None:
    assert SQL.match("SELECT 1")
    assert SQL.match("\n  /* lapinq:ping */ UPDATE lapinq_tasks SET x = 1")
    assert not SQL.match("Select a queue")
    assert not SQL.match("CREATED")
    found = [
        (name_of(path), text)
        for path in sources(ROOT / "services", ROOT / "lapinq")
        for text in texts(path)
        if SQL.match(text)
    ]
    assert found == []
    assert not [name_of(path) for path in (ROOT / "services").rglob("*.sql")]


def test_only_the_settings_read_the_environment() -> None:
    reading = r"(?<!load_settings\()(?<!warn_of_unknown_variables\()os\.environ|os\.getenv"
    assert {name_of(path) for path in sources(*PACKAGES) if re.search(reading, path.read_text())} == {
        "lapinq_core/db/embedded/folder.py",  # where the system keeps a user's data
        "lapinq_core/command_line/help_page.py",  # whether the terminal shows colours is no setting of lapinq
        "lapinq/_client/environment.py",  # the client's own: it doesn't import the runtime
        "lapinq/commands/db.py",  # hands its environment on to psql
        "services/lapinq_api/serving/supervisor.py",  # hands its environment on to its children
        "lapinq/testing/databases.py",  # tests have no settings but this one
    }


def test_nothing_has_a_name_that_says_nothing() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    found = [
        name_of(path)
        for folder in (*PACKAGES, ROOT / "tests")
        for path in (folder, *folder.rglob("*"))
        if path.stem in empty_words
    ]
    assert found == []


def test_files_and_database_objects_that_code_and_docs_name_exist() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    ends = {path[at:] for path in listed for at in (0, *(i + 1 for i, one in enumerate(path) if one == "/"))}
    objects = set(re.findall(r"\blapinq_\w+", (ROOT / "docs" / "schema.sql").read_text()))
    objects |= {text for path in sources(*PACKAGES) for text in texts(path)}  # channels
    objects |= {"lapinq_api", "lapinq_core", "lapinq_worker", "lapinq_scheduler", "lapinq_migrations"}
    objects |= {"lapinq_session", "lapinq_migrate"}  # a cookie, and a command of Django
    wrong: list[str] = []
    for path, text in named_things():
        for name in re.findall(r"[\w./-]*\w\.(?:py|sql)\b", text):
            wrong += [] if name.removeprefix("./") in ends else [f"{name_of(path)}: {name}"]
        for name in re.findall(r"(?<![\w/.])lapinq_\w+(?![\w/.])", text):
            wrong += [] if name in objects else [f"{name_of(path)}: {name}"]
    assert wrong == []


def named_things() -> Iterator[tuple[Path, str]]:
    """Of programs what is in backquotes, of statements the comments, of pages about the code what is in backquotes."""
    for path in sources(*PACKAGES):
        if "django" not in path.parts and "testing" not in path.parts:
            yield from ((path, text) for text in re.findall(r"`([^`\n]+)`", path.read_text()))
    for path in (ROOT / "lapinq_core").rglob("*.sql"):
        yield path, "\n".join(re.findall(r"--.*", path.read_text()))
    pages = [ROOT / "docs" / name for name in ("architecture.md", "claiming.md", "state-machine.md")]
    for path in (*pages, *(ROOT / "docs" / "decisions").glob("*.md")):
        yield from ((path, text) for text in re.findall(r"`([^`\n]+)`", path.read_text()))


def test_each_module_is_imported_by_another() -> None:
    """One that nothing imports does nothing: it was left behind, or what should use it was forgotten."""
    for_users = {ROOT / "lapinq" / folder for folder in ("contrib", "middleware", "commands/project")}
    found_by_alembic = ROOT / "migrations" / "lapinq_migrations"
    used = {name for path in sources(*PACKAGES) for name in modules_named_in(path)}
    used.update(re.findall(r"[\w.]+", (ROOT / "pyproject.toml").read_text()))
    for path in sources(*PACKAGES):
        if path.stem in {"__init__", "__main__"} or {*for_users, found_by_alembic} & {*path.parents}:
            continue
        assert module_of(path) in used, f"nothing imports {name_of(path)}"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[1:] if parts[0] in {"services", "migrations"} else parts)


def modules_named_in(path: Path) -> Iterator[str]:
    """What a file imports, and its strings: `lapinq.commands.top.command:top` is imported when it is first needed."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                yield from (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))
            case ast.Constant(value=str(text)):
                yield text.partition(":")[0]
            case _:
                pass

"""The module name of a started script, seen from real scripts in their own processes."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

SCRIPT = """
from lapinq import TaskQueue

@TaskQueue().task
def add(a, b):
    return a + b

if __name__ == "__main__":
    try:
        print(add.entry(1, 2)["module_path"])
    except Exception as error:
        print(type(error).__name__, error)
"""


def run(*arguments: str, cwd: Path, path: Sequence[Path] = (), stdin: str = "") -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ["PYTHONPATH"] = os.pathsep.join(map(str, path))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(file: Path, text: str = SCRIPT) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_script_is_named_by_its_file(tmp_path: Path) -> None:
    write(tmp_path / "report.py")
    assert run("report.py", cwd=tmp_path) == "report"


def test_the_working_directory_does_not_matter(tmp_path: Path) -> None:
    script = write(tmp_path / "jobs" / "report.py")
    assert run(str(script), cwd=tmp_path) == "report"


def test_a_module_started_with_m_keeps_its_full_name(tmp_path: Path) -> None:
    write(tmp_path / "jobs" / "__init__.py", "")
    write(tmp_path / "jobs" / "daily" / "report.py")
    assert run("-m", "jobs.daily.report", cwd=tmp_path) == "jobs.daily.report"


def test_a_package_started_with_m_is_its_main_module(tmp_path: Path) -> None:
    write(tmp_path / "jobs" / "__init__.py", "")
    write(tmp_path / "jobs" / "__main__.py")
    assert run("-m", "jobs", cwd=tmp_path) == "jobs.__main__"


def test_a_script_inside_a_package_on_the_path_has_its_name_in_the_package(tmp_path: Path) -> None:
    write(tmp_path / "jobs" / "__init__.py", "raise RuntimeError('nobody imports me to find out')")
    script = write(tmp_path / "jobs" / "report.py")
    assert run(str(script), cwd=tmp_path, path=[tmp_path]) == "jobs.report"


def test_a_script_behind_a_link_is_named_by_the_file(tmp_path: Path) -> None:
    write(tmp_path / "real" / "report.py")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "report.py")
    assert run("link", cwd=tmp_path) == "report"


def test_a_profiled_script_is_named_by_its_file(tmp_path: Path) -> None:
    write(tmp_path / "report.py")
    output = run("-m", "cProfile", "-o", os.devnull, "report.py", cwd=tmp_path)
    assert output == "report"


def test_a_child_process_of_the_script_names_it_alike(tmp_path: Path) -> None:
    child = 'import multiprocessing\n    multiprocessing.get_context("spawn").Process(target=show).start()'
    show = "def show():\n    print(add.entry(1, 2)['module_path'])\n"
    head, _ = SCRIPT.split("if __name__")
    write(tmp_path / "report.py", f'{head}{show}if __name__ == "__main__":\n    {child}\n')
    assert run("report.py", cwd=tmp_path) == "report"


def test_the_name_is_that_of_the_module_a_worker_imports(tmp_path: Path) -> None:
    write(tmp_path / "report.py")
    name = run("report.py", cwd=tmp_path)
    worker = f"import {name} as m; print(m.add.__lapinq_task__, m.add.__wrapped__(1, 2))"
    assert run("-c", worker, cwd=tmp_path) == "add 3"


@pytest.mark.parametrize("name", ["json.py", "time.py", "my-report.py", "report", "2026.py"])
def test_a_script_no_worker_can_import_is_refused_with_advice(tmp_path: Path, name: str) -> None:
    script = write(tmp_path / name)
    # -P keeps the file from hiding the module of the standard library whose name it has.
    output = run("-P", str(script), cwd=tmp_path, path=[tmp_path / "elsewhere"])
    assert output.startswith(f"TaskNotImportable task 'add' was defined in {script}")
    assert "Move it to another module" in output


@pytest.mark.parametrize("arguments", [("-",), ("-c", SCRIPT)])
def test_code_without_a_file_is_refused_with_advice(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    output = run(*arguments, cwd=tmp_path, stdin=SCRIPT)
    assert output.startswith("TaskNotImportable task 'add' was defined in an interactive session")
    assert "Move it to another module" in output


def test_a_directory_that_was_started_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "jobs" / "__main__.py")
    assert run("jobs", cwd=tmp_path).startswith("TaskNotImportable task 'add' was defined in ")


def test_a_refused_script_can_still_call_its_function(tmp_path: Path) -> None:
    assert run("-c", SCRIPT + "\nprint(add(1, 2))", cwd=tmp_path).endswith("\n3")

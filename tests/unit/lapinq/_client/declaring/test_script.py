"""The module name of a started script, seen from real scripts in their own processes."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

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


def package(folder: Path, *names: str) -> Path:
    """A package that complains of being imported, with the script under each name."""
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import sys\nassert '-m' in sys.orig_argv, 'nobody imports me to find out'\n"
    )
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(SCRIPT)
    return folder


def test_a_script_has_the_name_by_which_a_worker_imports_its_file(tmp_path: Path) -> None:
    jobs = package(tmp_path / "jobs", "report.py", "daily/report.py", "__main__.py")
    (tmp_path / "report.py").write_text(SCRIPT)
    (tmp_path / "link").symlink_to(tmp_path / "report.py")
    cases: list[tuple[list[str], str, list[Path]]] = [
        (["report.py"], "report", []),
        (["link"], "report", []),
        ([str(jobs / "daily" / "report.py")], "report", []),  # the working directory does not matter
        ([str(jobs / "report.py")], "jobs.report", [tmp_path]),
        (["-m", "jobs.daily.report"], "jobs.daily.report", []),
        (["-m", "jobs"], "jobs.__main__", []),
        (["-m", "cProfile", "-o", os.devnull, "report.py"], "report", []),
    ]
    for arguments, name, path in cases:
        assert run(*arguments, cwd=tmp_path, path=path) == name, arguments
    worker = "import report as m; print(m.add.__lapinq_task__, m.add.__wrapped__(1, 2))"
    assert run("-c", worker, cwd=tmp_path) == "add 3"


def test_a_child_process_of_the_script_names_it_alike(tmp_path: Path) -> None:
    child = 'import multiprocessing\n    multiprocessing.get_context("spawn").Process(target=show).start()'
    show = "def show():\n    print(add.entry(1, 2)['module_path'])\n"
    head, _ = SCRIPT.split("if __name__")
    (tmp_path / "report.py").write_text(f'{head}{show}if __name__ == "__main__":\n    {child}\n')
    assert run("report.py", cwd=tmp_path) == "report"


def test_a_script_no_worker_can_import_is_refused_with_advice_and_can_still_call_its_function(
    tmp_path: Path,
) -> None:
    refused = "TaskNotImportable task 'add' was defined in"
    for name in ("json.py", "time.py", "my-report.py", "report"):
        script = tmp_path / name
        script.write_text(SCRIPT)
        # -P keeps the file from hiding the module of the standard library whose name it has.
        output = run("-P", str(script), cwd=tmp_path, path=[tmp_path / "elsewhere"])
        assert output.startswith(f"{refused} {script}"), name
        assert "Move it to another module" in output
    package(tmp_path / "jobs", "__main__.py")
    assert run("jobs", cwd=tmp_path).startswith(refused)
    for arguments in (("-",), ("-c", SCRIPT + "\nprint(add(1, 2))")):
        output = run(*arguments, cwd=tmp_path, stdin=SCRIPT)
        assert output.startswith(f"{refused} an interactive session")
        assert "Move it to another module" in output
    assert output.endswith("\n3")

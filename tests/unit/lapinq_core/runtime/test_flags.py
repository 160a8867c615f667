"""Flags of the command line: None when left out, converted as settings are, named in their errors."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from lapinq_core.runtime import flags
from lapinq_core.runtime.settings import EmptySetting, load_settings

_given: dict[str, Any] = {}


@click.command()
@flags.option("worker", help="Run a worker.")
@flags.option("worker_concurrency", "--concurrency", "-c", help="Most tasks.")
@flags.option("worker_queues", "--queue", help="Queue.")
@flags.option("worker_poll_interval", help="Pause.")
@flags.option("worker_max_memory", help="Memory.")
@flags.option("max_result_size", help="Result.")
@flags.option("worker_max_tasks_per_child", help="Wear.")
@flags.option("api_key", help="Key.")
@flags.option("allowed_modules", help="Modules.")
@flags.database("PostgreSQL to use")
@flags.logging()
def _command(**given: object) -> None:
    _given.clear()
    _given.update(given)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(_command, list(arguments), terminal_width=200)


def test_values_are_converted_to_the_type_of_their_setting_and_one_left_out_is_none() -> None:
    assert _run().exit_code == 0
    assert set(_given.values()) == {None}
    arguments = (
        "-c 7 --no-worker --queue a=2,b --queue c --worker-poll-interval 1 --data-dir ~/x --log-level DEBUG"
    )
    assert _run(*arguments.split()).exit_code == 0
    assert (_given["worker_concurrency"], _given["worker"]) == (7, False)
    assert _given["worker_queues"] == ("a=2", "b", "c")
    assert _given["worker_poll_interval"] == 1.0
    assert _given["data_dir"] == Path("~/x").expanduser()
    assert _given["log_level"] == "debug"


def test_an_empty_flag_that_guards_something_is_left_to_whoever_reads_the_settings() -> None:
    for flag, text in (("--api-key", " "), ("--allowed-modules", ",")):
        assert _run(flag, text).exit_code == 0
        with pytest.raises(EmptySetting, match=f"^{flag} is set but empty"):
            load_settings({}, **_given)


def test_a_wrong_value_is_a_usage_error_that_names_the_flag() -> None:
    for flag, text in (("--concurrency", "0"), ("--concurrency", ""), ("--log-level", "loud")):
        result = _run(flag, text)
        assert result.exit_code == 2
        assert f"Invalid value for '{flag}'" in result.output.replace("' / '-c'", "'")
    assert all(word in result.output for word in ("debug", "info", "warning", "error"))


def test_help_shows_the_kind_of_value_the_default_and_the_variable() -> None:
    text = _run("--help").output
    assert "Most tasks.  [default: 4; env: LAPINQ_WORKER_CONCURRENCY]" in text
    assert "Run a worker.  [env: LAPINQ_WORKER]" in text
    url = "URL of the PostgreSQL to use. Without it, the embedded PostgreSQL.  [env: LAPINQ_DATABASE_URL, DATABASE_URL]"
    assert url in text
    for flag, kind in (
        ("--worker-max-memory", "SIZE"),
        ("--max-result-size", "SIZE"),
        ("--worker-max-tasks-per-child", "INTEGER"),
        ("--concurrency", "INTEGER"),
        ("--worker-poll-interval", "NUMBER"),
        ("--data-dir", "PATH"),
        ("--queue", "TEXT"),
    ):
        assert re.search(rf"{flag} {kind}\b", text), flag

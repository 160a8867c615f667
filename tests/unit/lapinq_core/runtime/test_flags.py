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


def test_a_flag_left_out_is_none() -> None:
    assert _run().exit_code == 0
    assert set(_given.values()) == {None}


def test_values_are_converted_to_the_type_of_their_setting() -> None:
    arguments = (
        "-c 7 --no-worker --queue a=2,b --queue c --worker-poll-interval 1 --data-dir ~/x --log-level debug"
    )
    assert _run(*arguments.split()).exit_code == 0
    assert (_given["worker_concurrency"], _given["worker"]) == (7, False)
    assert _given["worker_queues"] == ("a=2", "b", "c")
    assert _given["worker_poll_interval"] == 1.0
    assert _given["data_dir"] == Path("~/x").expanduser()
    assert _given["log_level"] == "debug"


def test_words_to_choose_from_are_read_without_regard_to_case() -> None:
    assert _run("--log-level", "WARNING").exit_code == 0
    assert _given["log_level"] == "warning"
    refused = _run("--log-level", "LOUD").output
    assert all(word in refused for word in ("debug", "info", "warning", "error"))


def test_an_empty_flag_that_guards_something_is_left_to_whoever_reads_the_settings() -> None:
    for flag, field in (("--api-key", "api_key"), ("--allowed-modules", "allowed_modules")):
        for text in ("", " ", *((",",) if field == "allowed_modules" else ())):
            assert _run(flag, text).exit_code == 0
            with pytest.raises(EmptySetting, match=f"^{flag} is set but empty"):
                load_settings({}, **_given)


def test_a_wrong_value_is_a_usage_error_that_names_the_flag() -> None:
    for arguments in (
        ("--concurrency", "0"),
        ("--concurrency", "x"),
        ("--concurrency", ""),
        ("--log-level", "loud"),
    ):
        result = _run(*arguments)
        assert result.exit_code == 2
        assert f"Invalid value for '{arguments[0]}'" in result.output.replace("' / '-c'", "'")


def test_help_shows_default_and_variable() -> None:
    text = _run("--help").output
    assert "Most tasks.  [default: 4; env: LAPINQ_WORKER_CONCURRENCY]" in text
    assert "Run a worker.  [env: LAPINQ_WORKER]" in text
    assert (
        "URL of the PostgreSQL to use. Without it, the embedded PostgreSQL.  [env: LAPINQ_DATABASE_URL, DATABASE_URL]"
        in text
    )


def test_help_says_what_kind_of_value_is_wanted() -> None:
    text = _run("--help").output
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

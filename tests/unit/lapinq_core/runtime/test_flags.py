"""Flags of the command line stand for settings."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from lapinq_core.runtime import flags
from lapinq_core.runtime.settings import Settings, load_settings


def invoke(*arguments: str) -> tuple[Result, dict[str, object]]:
    """What a command with one flag of each kind is given."""
    given: dict[str, object] = {}

    @click.command()
    @flags.option("worker_concurrency", "--concurrency", "-c", help="Most tasks at once.")
    @flags.option("worker_poll_interval", help="Seconds between looks.")
    @flags.option("worker_pool", help="Where functions run.")
    @flags.option("worker_queues", "--queue", "-q", help="Queue to serve.")
    @flags.option("worker", help="Run a worker.")
    @flags.option("data_dir", help="Directory.")
    @flags.option("api_key", help="The key.")
    def command(**values: object) -> None:
        given.update(values)

    return CliRunner().invoke(command, arguments), given


def test_a_flag_that_is_not_given_is_none() -> None:
    _, given = invoke()
    assert set(given.values()) == {None}
    assert load_settings({"LAPINQ_WORKER": "1", "LAPINQ_WORKER_QUEUES": "a"}, **given) == Settings(
        worker=True, worker_queues=("a",)
    )


def test_flags_have_the_types_of_their_settings() -> None:
    result, given = invoke(
        *("-c", "8"),
        *("--worker-poll-interval", "0.25"),
        *("--worker-pool", "threads"),
        *("-q", "video=2", "--queue", "mail"),
        "--worker",
        *("--data-dir", "/srv/db"),
        *("--api-key", "k,1"),
    )
    assert result.exit_code == 0, result.output
    assert given == {
        "worker_concurrency": 8,
        "worker_poll_interval": 0.25,
        "worker_pool": "threads",
        "worker_queues": ("video=2", "mail"),
        "worker": True,
        "data_dir": Path("/srv/db"),
        "api_key": "k,1",
    }


def test_a_switch_can_be_turned_off() -> None:
    assert invoke("--no-worker")[1]["worker"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-c", "many"], "Invalid value for '--concurrency' / '-c': expected `int`"),
        (["-c", "0"], "Invalid value for '--concurrency' / '-c': expected `int` >= 1"),
        (["--worker-poll-interval", "nan"], "Invalid value for '--worker-poll-interval'"),
        (["--worker-pool", "fibers"], "'fibers' is not one of 'processes', 'threads'"),
        (["--data-dir", ""], "Invalid value for '--data-dir': must not be empty"),
    ],
)
def test_a_wrong_value_is_a_usage_error_that_names_the_flag(arguments: list[str], said: str) -> None:
    result, given = invoke(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert given == {}


def test_the_help_names_default_and_variable() -> None:
    text = " ".join(invoke("--help")[0].output.split())
    assert (
        "-c, --concurrency INTEGER Most tasks at once. [default: 4; env: LAPINQ_WORKER_CONCURRENCY]" in text
    )
    assert "--worker-poll-interval NUMBER Seconds between looks. [default: 0.1; env:" in text
    assert "--worker-pool [processes|threads]" in text
    assert "--worker / --no-worker Run a worker. [env: LAPINQ_WORKER]" in text
    assert "--data-dir PATH Directory. [env: LAPINQ_DATA_DIR]" in text


def test_a_group_keeps_the_order_of_its_flags() -> None:
    @click.command()
    @flags.group(flags.option("host", help="One."), flags.option("port", help="Two."))
    @flags.option("json_log", help="Three.")
    def command(**_: object) -> None: ...

    assert [param.name for param in command.params] == ["host", "port", "json_log"]

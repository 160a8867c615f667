"""Variables from a file."""

import os
from pathlib import Path

import pytest

from lapinq_core.runtime.env_file import load_env_file
from lapinq_core.runtime.setting_values import SettingsError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the environment back afterwards, and leaves out what `scripts/test` sets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LAPINQ_TEST_")}
    monkeypatch.setattr(os, "environ", kept)


def load(tmp_path: Path, text: str) -> None:
    file = tmp_path / ".env"
    file.write_text(text)
    load_env_file(file)


def test_a_file_sets_variables_unless_they_are_set(tmp_path: Path) -> None:
    os.environ["LAPINQ_PORT"] = "1"
    load(
        tmp_path,
        "\ufeff# ours\n\nLAPINQ_PORT=2\nexport LAPINQ_HOST='0.0.0.0'  # all\nLAPINQ_KEEP=\"30d\"\r\n"
        "LAPINQ_API_KEY=a#b\nLAPINQ_URL=http://x:${LAPINQ_PORT}\nSHOP_NAME=\n",
    )
    assert {name: os.environ[name] for name in os.environ if name.startswith(("LAPINQ_", "SHOP"))} == {
        "LAPINQ_PORT": "1",
        "LAPINQ_HOST": "0.0.0.0",
        "LAPINQ_KEEP": "30d",
        "LAPINQ_API_KEY": "a#b",
        "LAPINQ_URL": "http://x:1",
        "SHOP_NAME": "",
    }


@pytest.mark.parametrize("line", ["LAPINQ_API_KEY: secret", "LAPINQ_API_KEY", 'X="secret', "secret key"])
def test_a_line_that_cannot_be_read_is_told_by_its_number_and_sets_nothing(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError, match=r"\.env, line 3: expected NAME=value$"):
        load(tmp_path, f"LAPINQ_PORT=2\n\n{line}\n")
    assert "LAPINQ_PORT" not in os.environ


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"A=\xff\n")
    with pytest.raises(SettingsError, match=r"\.env: .*can't decode"):
        load_env_file(file)

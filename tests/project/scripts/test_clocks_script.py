"""`scripts/test-clocks` moves the clock of Python and of PostgreSQL alike, and leaves timeouts as they are."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MOVED = """
import time
from datetime import UTC, datetime

import psycopg
import pytest

from tests.support.database import postgres


def test_it_is_summer_in_berlin_and_statements_end_in_time():
    assert f"{datetime.now(UTC):%Y-%m-%d}" == "2027-10-31"
    assert time.tzname == ("CET", "CEST")
    with postgres.server() as url, psycopg.connect(url, autocommit=True) as conn:
        (now, zone) = conn.execute("SELECT clock_timestamp(), current_setting('timezone')").fetchone()
        assert abs(now.timestamp() - time.time()) < 5
        assert zone == "Europe/Berlin"
        conn.execute("SET statement_timeout = '50ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("SELECT pg_sleep(60)")
"""


@pytest.mark.slow
def test_a_run_is_at_the_moment_it_names(tmp_path: Path) -> None:
    file = tmp_path / "test_moved.py"
    file.write_text(MOVED)
    done = subprocess.run(
        [str(ROOT / "scripts" / "test-clocks"), "autumn", str(file)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout

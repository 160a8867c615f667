"""`lapinq functions`."""

import pytest

from lapinq_core.domain.figures import Figures
from lapinq_core.domain.histogram import count_into
from lapinq_core.figures import task_rollups
from tests.support.database.running import on_connections
from tests.support.programs.command_line import lapinq_at
from tests.support.rows.factories import Conn

pytestmark = pytest.mark.http


async def ran(conn: Conn) -> None:
    slow = Figures(completed=60, retried=2)
    count_into(slow.runs, [30.0] * 62)
    happened = {("mail", "send"): slow, ("post", "send"): Figures(), ("mail", "charge"): Figures(failed=1)}
    await task_rollups.record(conn, happened)


def test_the_most_expensive_come_first(command_database: str, at_server: tuple[str, ...]) -> None:
    assert "No task ran in this time" in lapinq_at(at_server, "functions").stderr
    on_connections(command_database, ran)
    send, charge = (
        [cell.strip() for cell in line.split("  ") if cell]
        for line in lapinq_at(at_server, "functions", "--window", "15m").stdout.splitlines()
    )
    assert (send[:2], send[3:5], charge[:2], charge[3]) == (
        ["send", "mail +1"],
        ["0%", "2"],
        ["charge", "mail"],
        "100%",
    )
    assert send[5].startswith(("2", "3"))
    cut = lapinq_at(at_server, "functions", "--sort", "name", "--limit", "1").stdout
    assert cut.startswith("charge ")
    assert "there are more" in cut
    assert lapinq_at(at_server, "functions", "--sort", "size").exit_code == 2

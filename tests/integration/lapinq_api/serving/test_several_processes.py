"""One port that several processes serve."""

import os
import re
import signal
from http import HTTPStatus

import httpx
import pytest

from lapinq_api.serving.listening import CannotListen, listening, listening_together
from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.programs.embedded import open_directory
from tests.support.programs.processes import ApiProcess, Program, children_of

PROCESSES = 2
DOUBLED: dict[str, object] = {"task_name": "mul", "module_path": "operator", "args": [21, 2]}


def test_all_serve_and_a_dead_one_is_replaced(database: str) -> None:
    arguments = ("--processes", str(PROCESSES), "--metrics-port", "0", "--require-auth")
    services = ("--worker", "--worker-pool", "threads", "--scheduler", "--scheduler-interval", "1")
    with ApiProcess(database, *arguments, *services) as program:
        url = program.said(r"dashboard (http://\S+)/ · log in as lapinq / lapinq\n")[1]
        metrics = re.findall(r"metrics at (http://\S+)", program.output)
        with httpx.Client(base_url=url, trust_env=False, headers={"Connection": "close"}) as client:
            log_in(client)

            def all_answer() -> bool:
                # Each request has a connection of its own. A session holds in all processes.
                assert client.get("/api/v1/queues").status_code == 200
                return all(_answered(one) for one in metrics)

            eventually(all_answer)
            assert len(metrics) == PROCESSES
            shared = client.get("/metrics").text
            assert "lapinq_database_up 1.0" in shared
            assert "lapinq_http_request_seconds" not in shared
            assert "process_" not in shared

            first, second = children_of(program.pid)
            os.kill(first, signal.SIGKILL)  # and with it the worker and the scheduler
            eventually(lambda: len(set(children_of(program.pid)) - {first}) == PROCESSES)
            assert second in children_of(program.pid)
            for _ in range(8):  # the kernel keeps what waits for the dead one until the next one is there
                assert client.get("/api/v1/queues", timeout=20).status_code == 200
            assert _result(client) == "42"
            schedule = {"name": "often", "every": "1s", **DOUBLED}
            assert client.post("/api/v1/schedules", json=schedule).status_code == HTTPStatus.CREATED
            eventually(lambda: client.get("/api/v1/schedules/often").json()["last"])
        assert program.stop() == 0
        assert program.output.count("process 0 of the server ended with signal SIGKILL") == 1
        assert "Traceback" not in program.output


def _answered(metrics_url: str) -> bool:
    page = httpx.get(metrics_url, trust_env=False).text
    return 'lapinq_http_request_seconds_count{method="GET",route="/api/v1/queues"' in page


@pytest.mark.slow
def test_one_of_them_runs_a_worker_on_the_embedded_database() -> None:
    arguments = ("--port", "0", "--processes", str(PROCESSES), "--worker")
    with (
        open_directory() as directory,
        Program("server", *arguments, "--data-dir", str(directory / "data")) as program,
    ):
        url = program.said(r"dashboard (http://\S+)/ ")[1]
        with httpx.Client(base_url=url, trust_env=False, headers={"Connection": "close"}) as client:
            assert _result(client) == "42"
            assert len(client.get("/api/v1/workers").json()["workers"]) == 1
        assert program.stop() == 0
        assert program.output.count("embedded PostgreSQL") == 1
        assert "Traceback" not in program.output


def _result(client: httpx.Client) -> str:
    """Of a task that a worker runs."""
    task_id = client.post("/api/v1/enqueue", json=DOUBLED).json()["task_id"]
    path = f"/api/v1/tasks/{task_id}/result"
    result: str = client.get(path, params={"wait": 20}, timeout=30).json()["result"]
    return result


def test_a_server_whose_process_cannot_start_fails(database: str) -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken[0].getsockname()[1]
        with ApiProcess(database, "--processes", "2", "--metrics-port", str(port)) as program:
            assert program.wait(timeout=30) == 1
            # The second process takes the next port, which another test may have.
            assert re.search(rf"can't serve metrics on port ({port}|{port + 1}) of 127.0.0.1", program.output)
            assert "Traceback" not in program.output


def test_processes_share_a_port_among_themselves_only() -> None:
    with listening_together("127.0.0.1", 0, PROCESSES) as sockets:
        ports = {one.getsockname()[1] for own in sockets for one in own}
        assert len(ports) == 1
        [port] = ports
        for opened in (listening("127.0.0.1", port), listening_together("127.0.0.1", port, PROCESSES)):
            with pytest.raises(CannotListen, match=f"port {port} of 127.0.0.1 is in use"), opened:
                pass

"""A task goes in over HTTP, runs in a worker, and its webhook comes out."""

import httpx

from tests.support.eventually import eventually
from tests.support.http.receiver import SECRET, receiving
from tests.support.programs.processes import ApiProcess

ENVIRONMENT = {"LAPINQ_WEBHOOK_ALLOW": "127.0.0.1", "LAPINQ_WEBHOOK_SECRET": SECRET}


def test_a_server_with_a_worker_tells_of_what_completed_and_what_failed(database: str) -> None:
    with receiving() as receiver, ApiProcess(database, "--worker", env=ENVIRONMENT) as server:
        tasks = [
            {
                "task_name": name,
                "module_path": "tests.support.sample.tasks",
                "args": args,
                "max_retries": 0,
                "webhook_url": receiver.url,
            }
            for name, args in (("add", [1, 2]), ("aadd", [2, 2]), ("afail", ["no"]))
        ]
        answer = httpx.post(f"{server.url}/api/v1/enqueue/batch", json=tasks, trust_env=False)
        assert answer.status_code == 201, answer.text
        eventually(lambda: len(receiver.received) == 3, 30)
        told = {received.told["task_id"]: received.told for received in receiver.received}
        ends = [(told[task]["status"], told[task]["result"]) for task in answer.json()["task_ids"]]
        assert ends == [("completed", "3"), ("completed", "4"), ("failed", None)]
        assert "no" in told[answer.json()["task_ids"][2]]["error"]
        assert all(received.is_signed_with(SECRET) for received in receiver.received)
        assert server.stop() == 0

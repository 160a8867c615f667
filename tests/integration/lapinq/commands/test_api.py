"""`lapinq api`."""

import json

import pytest

from tests.support.programs.command_line import lapinq_at
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.http


def test_any_path_can_be_called(command_database: str, at_server: tuple[str, ...]) -> None:
    def called(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        done = lapinq_at(at_server, "api", *arguments, stdin=stdin)
        return done.exit_code, done.stdout, done.stderr

    def said(*arguments: str, stdin: str = "") -> str:
        code, out, err = called(*arguments, stdin=stdin)
        assert (code, err) == (0, ""), arguments
        return out

    paused = said("queues/mail/pause", "-f", "reason=no paper")
    assert json.loads(paused)["pause_reason"] == "no paper"
    ids = enqueue_all(command_database, [new_task(queue_name="mail") for _ in range(5)])
    texts = ("-f", "task_name=add", "-f", "module_path=x", "-f", "queue_name=mail")
    made = json.loads(said("post", "enqueue", *texts, "-F", "priority=7", "-F", "args=[1]"))
    body = json.dumps([{"task_name": "add", "module_path": "x", "queue_name": "mail"}])
    [again] = json.loads(said("enqueue/batch", "--input", "-", stdin=body))["task_ids"]
    header = ("-H", "X-Request-ID: me")
    pages = json.loads(said("GET", "tasks?limit=3", "-f", "queue=mail", "--paginate", *header))
    assert {one["id"] for one in pages} == {*ids, made["task_id"], again}
    assert json.loads(said("GET", "tasks", "--paginate", "-f", "queue=nix")) == []
    assert json.loads(said("DELETE", f"/api/v1/tasks/{again}", "-f", "running=true"))["status"] == "cancelled"
    changes = json.loads(said("audit?limit=1", "--paginate"))
    assert [one["action"] for one in changes] == ["task.cancel", "queue.pause"]
    included = said("/health", "--include").splitlines()
    assert included[0] == "HTTP/1.1 200 OK"
    assert "content-type: application/json" in included
    assert json.loads(included[-1])["status"] == "ok"
    assert "# HELP lapinq_tasks " in said("/metrics")

    code, out, err = called("tasks/x")
    assert (code, err) == (1, "Error: 400 Bad Request\n")
    assert "id must be" in json.loads(out)["error"]
    assert called("GET", "nix", "--paginate")[::2] == (1, "Error: 404 Not Found\n")
    for line, message in (
        ("http://127.0.0.1:1/x", "not an address"),
        ("/http://127.0.0.1:1/x", "not an address"),
        ("GET tasks x", "METHOD is one of GET"),
        ("tasks -f queue", "NAME=VALUE"),
        ("enqueue -F args=[1", "args must be JSON"),
        ("tasks -H x", "NAME:VALUE"),
        ("POST tasks/run --paginate", "--paginate goes with GET"),
    ):
        code, out, err = called(*line.split())
        assert (code, out) == (2, ""), line
        assert message in err, line

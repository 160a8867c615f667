"""Answers of the API, as `lapinq top` gets them."""

from typing import Any

RATES = {"enqueued": 0.42, "started": 0.4, "completed": 0.39, "failed": 0.01, "retried": 0.05}


def queue(name: str, **values: Any) -> dict[str, Any]:
    return {
        "queue_name": name,
        "is_paused": False,
        "has_worker": True,
        "pending": 12_345,
        "ready": 12_000,
        "delayed": 345,
        "running": 3,
        "failed": 2,
        "oldest_ready_seconds": 75.2,
        "rates": RATES,
        "failure_share": 0.0176,
        **values,
    }


def worker(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": f"worker {number}",
        "name": f"box-{number}",
        "state": "alive",
        "queues": None,
        "concurrency": 4,
        "running": 1,
        "rate": 12.5,
        "memory_bytes": 183_500_800,
        "beat_age": 1.25,
        **values,
    }


def running(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": f"01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e{number:02}",
        "task_name": "transcode",
        "queue_name": "video",
        "attempt": 1,
        "started_at": "2026-01-31T11:59:30.2+00:00",
        "seconds": 3700.0 / number,
        "progress": 40,
        "is_cancel_requested": False,
        "worker_id": "worker 1",
        "worker_name": "box-1",
        **values,
    }


def failed(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": f"failed {number}",
        "task_name": "send",
        "queue_name": "mail",
        "attempts": 4,
        "completed_at": "2026-01-31T11:59:30.2+00:00",
        "error": "no paper\nand more",
        **values,
    }


def overview(**values: Any) -> dict[str, Any]:
    return {
        "window_seconds": 300,
        "queue": None,
        "totals": {
            "pending": 3,
            "running": 1,
            "completed": 1_200_000,
            "failed": 2,
            "cancelled": 0,
            "expired": 0,
        },
        "rates": RATES,
        "wait": {"p50": 0.0042, "p95": 0.81, "p99": 1.9},
        "run": {"p50": 0.35, "p95": 4.1, "p99": None},
        "queues": [
            queue("video", has_worker=False),
            queue("mail", is_paused=True),
            queue("a-very-long-name-of-a-queue", failed=0, failure_share=None),
        ],
        "more_queues": 0,
        "workers": [worker(1), worker(2, state="quiet", queues=["video", "mail"])],
        "more_workers": 3,
        "running": [running(1), running(2, is_cancel_requested=True)],
        **values,
    }

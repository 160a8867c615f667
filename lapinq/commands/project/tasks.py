"""Tasks: functions that a worker calls. Replace these with your own."""

from lapinq import TaskQueue

queue = TaskQueue()  # sends to LAPINQ_URL, by default http://127.0.0.1:8001


@queue.task(max_retries=3)
def greet(name: str) -> str:
    return f"Hello, {name}!"


@queue.cron("0 9 * * mon-fri", tz="UTC")
def good_morning() -> str:
    return greet("everybody")

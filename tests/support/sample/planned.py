"""Tasks with schedules, declared the way users declare them."""

from lapinq import TaskQueue

queue = TaskQueue()


@queue.every("1s", args=[2, 3], overlap="skip")
@queue.task(max_retries=0, priority=2)
def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


@queue.cron("0 9 * * mon-fri", tz="Europe/Madrid", name="report", jitter=30)
async def write_report(title: str = "daily") -> str:
    """Answers its title."""
    return title


class Mailer:
    """A class with a task."""

    @staticmethod
    @queue.cron("@hourly", kwargs={"to": "ops@example.org"})
    def send(to: str) -> str:
        """Answers to whom."""
        return to

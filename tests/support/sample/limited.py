"""Limits, a policy and a circuit breaker, declared the way users declare them."""

from lapinq import TaskQueue

queue = TaskQueue(queue_name="mails")
queue.limit("mailer", rate="60/m")
queue.policy(max_running=20, order="fair", breaker=5)


@queue.cron("@hourly")
@queue.task(limits={"mailer": 1})
def send(to: str = "ops@example.org") -> str:
    """Answers to whom."""
    return to


queue.breaker(send, failure_share=0.5)

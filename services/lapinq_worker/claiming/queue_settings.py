"""The queues a worker serves, and how it chooses between them, from its settings."""

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.runtime.settings import Settings, SettingsError
from lapinq_worker.claiming.queue_choice import QueueChoice, parse_queues
from lapinq_worker.claiming.strict_order import StrictOrder


def choice_of(settings: Settings) -> QueueChoice:
    """How to choose the next queue. Raises `SettingsError` for invalid queues."""
    try:
        weights = parse_queues(settings.worker_queues)
    except InvalidValue as error:
        raise SettingsError(f"--queue or LAPINQ_WORKER_QUEUES: {error.msg}") from error
    if not settings.worker_strict_order:
        return QueueChoice(weights)
    if not weights:
        raise SettingsError(
            "--strict-order or LAPINQ_WORKER_STRICT_ORDER needs queues in an order: name them with --queue"
        )
    if weighted := [text for text in settings.worker_queues if "=" in text]:
        raise SettingsError(
            f"--strict-order or LAPINQ_WORKER_STRICT_ORDER knows no weights, and {weighted[0]!r} has one:"
            " leave out either"
        )
    return StrictOrder(list(weights))

"""Times as people read them."""

from datetime import UTC, datetime


def utc(moment: datetime) -> str:
    """To the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def utc_text(text: str | None) -> str | None:
    """The same for a time as the API writes it; None stays None."""
    return None if text is None else utc(datetime.fromisoformat(text))

"""A number with what it counts, for messages."""


def counted(number: int, noun: str) -> str:
    """Such as "1 task" and "2 tasks"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

"""The dotted name that a path to a module's file means: people write `shop/tasks.py` for `shop.tasks`."""

import re

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_module_name(text: str) -> bool:
    """Whether it is a dotted Python name."""
    return _MODULE.fullmatch(text) is not None


def is_file(text: str) -> bool:
    """Whether it is meant as the path of a file."""
    return "/" in text or "\\" in text or text.endswith(".py")


def module_of(file: str) -> str | None:
    """The module in a file, by its path relative to where Python searches; None if its name can't be told."""
    name = file.replace("\\", "/").removesuffix(".py").removesuffix("/__init__").removesuffix("/")
    while name.startswith("./"):
        name = name[2:]
    name = name.replace("/", ".")
    return name if is_module_name(name) else None

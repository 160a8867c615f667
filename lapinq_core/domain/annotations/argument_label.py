"""How errors name an argument, in the client and in the worker."""


def argument_label(task_name: str, argument: str | int) -> str:
    """`argument` is the name of its parameter, or its index beyond the parameters."""
    label = repr(argument) if isinstance(argument, str) else str(argument + 1)
    return f"{task_name}(): argument {label}"

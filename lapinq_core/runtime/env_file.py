"""Loads a file of variables, such as `.env`, into the environment of this process and of those it starts."""

from pathlib import Path

from lapinq_core.runtime.setting_values import SettingsError


def load_env_file(path: Path) -> None:
    """Sets the variables in the file, one `NAME=value` a line. Those already set win.

    Raises `SettingsError` with the first line that can't be read: a variable that is skipped could open something. The
    message doesn't repeat the line, which may hold a secret.
    """
    from dotenv import load_dotenv  # most programs read no such file
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8") as file:
            for line in parse_stream(file):
                if line.error or (line.key is not None and line.value is None):
                    text, number = line.original
                    number += text[: -len(text.lstrip())].count("\n")  # empty lines belong to the next one
                    raise SettingsError(f"{path}, line {number}: expected NAME=value")
        load_dotenv(path, override=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error

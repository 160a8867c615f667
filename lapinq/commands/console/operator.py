"""Who runs the command, as the audit log names them."""

import os


def operator_name() -> str:
    """The name of the operating system's user."""
    try:
        import pwd
    except ImportError:  # Windows
        import getpass

        return getpass.getuser()
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # containers often run as a user without a name
        return f"uid {uid}"

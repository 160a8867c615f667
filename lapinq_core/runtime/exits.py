"""The exit codes of lapinq's programs. 0 is success, also after a requested stop."""

FAILED = 1
"""It failed; standard error says why."""
USAGE = 2
"""A flag or an environment variable is wrong."""
CHANGES = 2
"""Something changed or would change, and it was asked to say so."""
NO_DATABASE = 3
"""No database was named, and there are no PostgreSQL programs for an embedded one."""
EMPTY_SETTING = 3
"""A setting that guards something is set but empty."""
TIMED_OUT = 124
"""What was waited for did not happen in time."""
INSISTED = 130
"""After a second signal the stop still took too long."""

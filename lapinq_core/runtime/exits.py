"""The exit codes of lapinq's programs; 0 is success, also after a stop that was asked for."""

FAILED = 1
"""It could not do what it was asked to; standard error says why."""
USAGE = 2
"""A flag or an environment variable is wrong."""
CHANGES = 2
"""It was asked to tell so that something changed, or would."""
NO_DATABASE = 3
"""No database was named, and there are no PostgreSQL programs to run an embedded one with."""
EMPTY_SETTING = 3
"""A setting that guards something is set but empty."""
INSISTED = 130
"""A second signal came, and still the stop took too long."""

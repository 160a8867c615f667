"""What a contender's own program is told to do.

Runs inside the programs of contenders, so it needs nothing but the standard library.
"""

import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

Verb = Callable[..., Coroutine[Any, Any, None]]


def told(verbs: Mapping[str, Verb]) -> Coroutine[Any, Any, None]:
    """The verb that the command line names, with the words and numbers that follow."""
    verb, *rest = sys.argv[1:]
    return verbs[verb](*(float(one) if one[0].isdecimal() else one for one in rest))

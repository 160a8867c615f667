"""What is wrong with a search, for a text in the language of the page; the message itself is English."""

import msgspec

from lapinq_core.domain.errors import InvalidValue


class SearchProblem(InvalidValue):
    """A search that can't be read.

    `what` names its text in the catalogue, below `tasks.problem`. `most` and `words` are filled in.
    """

    def __init__(self, loc: str, msg: str, what: str = "text", *, most: int = 0, words: str = "") -> None:
        super().__init__(loc, msg)
        self.what = what
        self.most = most
        self.words = words


class Problem(msgspec.Struct, frozen=True):
    """A text with the values for its placeholders: `key` as the search box writes it, a number and words."""

    what: str
    key: str = ""
    most: int = 0
    words: str = ""

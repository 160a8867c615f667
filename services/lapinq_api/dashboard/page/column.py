"""A column of a table, for the macros of `templates/tables.html`."""

import msgspec


class Column(msgspec.Struct, frozen=True):
    """`key` is unique in its table. Numbers are aligned to the right. A hidden head is for screen readers only, as over
    buttons. `hint` explains the head on hover.
    """

    key: str
    label: str
    is_number: bool = False
    is_hidden: bool = False
    hint: str | None = None

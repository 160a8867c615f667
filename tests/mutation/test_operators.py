"""What the operators make of a piece of source."""

from pathlib import Path

from tests.mutation.operators import mutants_of


def changes(name: str, source: str) -> list[tuple[str, str]]:
    return [(mutant.before, mutant.after) for mutant in mutants_of(Path(name), source)]


def test_python_is_changed_where_it_does_something_and_one_place_at_a_time() -> None:
    source = '''
LIMIT = 7

def due(count: int = 3) -> bool:
    """Whether it is due."""
    assert count > 0
    log.warning("due %d", count + 1)
    if count < LIMIT and not late():
        tell(count + 2)
    return count is not None
'''
    assert changes("a.py", source) == [
        ("count < LIMIT and not late()", "(False)"),
        ("count < LIMIT and not late()", "(count < LIMIT or not late())"),
        ("count < LIMIT", "(count <= LIMIT)"),
        ("not late()", "(late())"),
        ("tell(count + 2)", "pass"),
        ("count + 2", "(count - 2)"),
        ("2", "(3)"),
        ("return count is not None", "return None"),
        ("count is not None", "(count is None)"),
    ]


def test_a_statement_loses_conditions_locks_and_what_it_carries() -> None:
    source = "-- Moves one.\nSELECT id, rank\n  FROM a\n WHERE id > 0\n   AND b IS NULL\n   FOR UPDATE SKIP LOCKED\n"
    assert changes("a.sql", source) == [
        ("SELECT id, rank", "SELECT NULL, rank"),
        ("SELECT id, rank", "SELECT id, NULL"),
        ("WHERE id > 0", "WHERE id >= 0"),
        ("WHERE id > 0", "WHERE id > 7"),
        ("AND b IS NULL", "AND b IS NOT NULL"),
        ("AND b IS NULL", "OR b IS NULL"),
        ("AND b IS NULL", ""),
        ("FOR UPDATE SKIP LOCKED", "FOR UPDATE"),
        ("FOR UPDATE SKIP LOCKED", ""),
    ]

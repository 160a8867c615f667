"""Mutants that no test notices, by their keys, each with the reason why none should."""

EXCUSED: dict[str, str] = {}

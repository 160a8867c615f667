"""Small changes to source: what each operator changes is one place, one mutant.

Left out are places where a change is no fault or no behaviour: annotations, asserts, messages and logs, and numbers
that tune (constants of a module and default values).
"""

import ast
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip
_TELLING = re.compile(r"(log|logger|warnings)\b|.*\b(debug|info|warning|exception)$")


class Mutant(NamedTuple):
    """`text` is the whole file, or a statement of a `queries.sql`, with `after` for `before` in `line` (from 1)."""

    path: Path
    line: int
    before: str
    after: str
    text: str

    @property
    def key(self) -> str:
        """Stays the same while the place does, wherever in the file it moves."""
        return f"{self.path}: {self.before} → {self.after}"


def mutants_of(path: Path, source: str) -> list[Mutant]:
    """All of them, in the order of their places."""
    return list(_sql_mutants(path, source) if path.suffix == ".sql" else _python_mutants(path, source))


# Python


def _python_mutants(path: Path, source: str) -> Iterator[Mutant]:
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    raw = source.encode()
    for node, changed in _changes(ast.parse(source)):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        after = ast.unparse(changed)
        if isinstance(node, ast.expr):
            after = f"({after})"
        before = raw[begin:end].decode()
        text = raw[:begin].decode() + after + raw[end:].decode()
        yield Mutant(path, node.lineno, " ".join(before.split()), " ".join(after.split()), text)


def _changes(module: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, ast.AST]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _in(node)


def _in(node: ast.AST) -> Iterator[tuple[ast.stmt | ast.expr, ast.AST]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for child in node.body:
            yield from _in(child)
        return
    if isinstance(node, ast.AnnAssign):
        if node.value is not None:
            yield from _in(node.value)
        return
    if isinstance(node, ast.Assert | ast.Raise | ast.JoinedStr) or _tells(node):
        return
    if isinstance(node, ast.If) and not node.orelse:
        yield node.test, ast.Constant(False)
    if isinstance(node, ast.stmt | ast.expr):
        for changed in _changed(node):
            yield node, changed
    for child in ast.iter_child_nodes(node):
        yield from _in(child)


def _tells(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and _TELLING.match(ast.unparse(node.value.func)) is not None
    )


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[operator]):
            changed = deepcopy(node)
            changed.ops = [_COMPARED[type(operator)]()]
            yield changed
        case ast.BoolOp(op=operator):
            changed = deepcopy(node)
            changed.op = ast.And() if isinstance(operator, ast.Or) else ast.Or()
            yield changed
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _CALCULATED:
            changed = deepcopy(node)
            changed.op = _CALCULATED[type(operator)]()
            yield changed
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.IfExp(body=body, orelse=other):
            yield body
            yield other
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield ast.Pass()
        case ast.Break() | ast.Continue():
            yield ast.Pass()
        case _:
            return


# SQL

_WORD = r"[a-z_][a-z_0-9.]*"
_REPLACED = (
    (r" <> ", " = "),
    (r" = ", " <> "),
    (r" < ", " <= "),
    (r" <= ", " < "),
    (r" > ", " >= "),
    (r" >= ", " > "),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bNOT (?=EXISTS|coalesce|cancelled|final|p\.)", ""),
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bLEFT JOIN\b", "JOIN"),
    (r"\bUNION ALL\b", "EXCEPT ALL"),
    (r" DESC\b", ""),
    (r"\bmax\(", "min("),
    (r"\bmin\(", "max("),
    (r"\bgreatest\(", "least("),
    (r"\bleast\(", "greatest("),
    (r" SKIP LOCKED\b", ""),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"\bSELECT DISTINCT\b", "SELECT"),
    (r"-count\(", "count("),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r"(?<![\w'])[0-9]+(?![\w'.])", "7"),
)
_CONDITION = re.compile(r".*\b(WHERE|AND|OR|ON|WHEN|FILTER)\b")
_CARRYING = re.compile(rf"^\s*SELECT ({_WORD}(?:, {_WORD})+)$")


def _sql_mutants(path: Path, source: str) -> Iterator[Mutant]:
    lines = source.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith("--"):
            continue
        for after in _changed_lines(line):
            text = "".join([*lines[: number - 1], after, *lines[number:]])
            yield Mutant(path, number, line.strip(), after.strip(), text)


def _changed_lines(line: str) -> Iterator[str]:
    """`line` with one change, and, where it is a condition or a lock, without it."""
    for pattern, other in _REPLACED:
        for found in re.finditer(pattern, line):
            if found[0] != " = " or _CONDITION.match(line):
                yield line[: found.start()] + other + line[found.end() :]
    if match := _CARRYING.match(line):
        for found in re.finditer(_WORD, match[1]):
            start = match.start(1) + found.start()
            yield line[:start] + "NULL" + line[start + len(found[0]) :]
    if re.match(r"\s*(AND|FOR UPDATE)\b.*[^,;(]$", line.rstrip()) and line.count("(") == line.count(")"):
        yield "\n"

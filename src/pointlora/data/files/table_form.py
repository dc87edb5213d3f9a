"""How the rows of a table in text are written: separators, decimal commas, quotes, and the names of the columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pointlora.data.files.limits import damaged, data_error
from pointlora.data.files.names import AXES, find_axes, split_names, unique_names
from pointlora.data.files.table_header import SEPARATORS, Header, with_row_names
from pointlora.data.files.text import Line, is_number

_MAX_COLUMNS = 10_000
# Names of a column of whole numbers; in front of other columns they are just words: `Point X Y Z`.
_POINT_NUMBERS = ("point", "points", "pt", "pnt", "vertex", "position", "positions", "order")


@dataclass(frozen=True)
class Form:
    """How rows are written.

    Attributes:
        separator: between columns; None is white space.
        decimal_comma: whether numbers are written like 1,5.
        quoted: whether numbers stand in quotes.
        names: of all columns, None without names.
        used: columns that hold numbers, all if None.
    """

    separator: str | None
    decimal_comma: bool
    quoted: bool
    names: tuple[str, ...] | None = None
    used: tuple[int, ...] | None = None

    @property
    def axes(self) -> tuple[int, int, int]:
        """Where x, y and z stand."""
        return (0, 1, 2) if self.names is None else find_axes(self.names) or (0, 1, 2)

    def tokens(self, line: str) -> list[str]:
        """The cells of a row, numbers as Python writes them."""
        return [token.strip() for token in plain_row(line, self).split(self.separator)]


def find_form(path: Path, header: Header) -> Form:
    """How rows are written, from the first one and what stands before it.

    Raises:
        DataError: names that lack x, y or z or don't fit the first row, or a first row that isn't all numbers.
    """
    assert header.first is not None
    number, line = header.first
    separator = _separator(line, header.texts)
    decimal_comma = separator in (";", "|", "\t") and "," in line
    form = Form(separator, decimal_comma, quoted='"' in line or "'" in line)
    tokens = form.tokens(line)
    if len(tokens) > _MAX_COLUMNS:
        raise data_error(path, f"line {number} has {len(tokens)} columns", f"store at most {_MAX_COLUMNS}")
    names = _find_names(path, header, form, tokens)
    names = None if names is None else names + [""] * (len(tokens) - len(names))
    # Text is passed over; an empty cell is a number that is missing, unless the line just ends in a separator.
    used = tuple(
        place for place, token in enumerate(tokens) if is_number(token) or (not token and names and names[place])
    )
    lost = [] if names is None else [place for place in find_axes(names) or () if place not in used]
    if lost:
        cell = line.split(separator)[lost[0]].strip()
        raise damaged(path, f"line {number} has {cell[:40]!r} where a number should be")
    if names is None and len(used) < len(tokens) - (tokens[-1] == ""):
        wrong = next(token for token in tokens if not is_number(token))
        fix = "write decimal commas between semicolons or tabs" if "," in line else "separate all columns alike"
        raise data_error(path, f"line {number} has {wrong[:40]!r} where a number should be", fix)
    return Form(
        separator,
        decimal_comma,
        form.quoted,
        None if names is None else unique_names(names),
        None if len(used) == len(tokens) else used,
    )


def _separator(line: str, texts: list[Line]) -> str | None:
    for sign in ";|":
        if sign in line:
            return sign
    fields = [part.strip().strip('"') for part in line.split("\t")]
    if len(fields) > 2 and any(text.count("\t") == len(fields) - 1 for _, text in texts):
        return "\t"
    # Without names, tabs are white space like any other and may stand in a row, unless commas are those of decimals.
    if len(fields) > 2 and "," in line and all(is_number(part.replace(",", ".")) or not part for part in fields):
        return "\t"
    return "," if "," in line else None


def _find_names(path: Path, header: Header, form: Form, tokens: list[str]) -> list[str] | None:
    """The names of the columns: those that have x, y and z and fit the first row.

    Raises:
        DataError: a line of names lacks one of them, or doesn't fit.
    """
    texts = [line for _, line in header.texts]
    first = header.first[1] if header.first is not None else ""
    for line in [*reversed(texts), *reversed(header.comments)]:
        for separator in (form.separator, *SEPARATORS):
            names = split_names(line, separator)
            if find_axes(names) is None:
                continue
            if names[0].lower() in _POINT_NUMBERS and is_number(tokens[0]) and not tokens[0].isdecimal():
                names = names[1:]
            for candidate in with_row_names(names, first):
                if len(candidate) == len(tokens):
                    return candidate
            if len(names) < len(tokens) and _are_first(names, tokens):
                return names
            if line in texts:
                problem = f"its columns are named {' '.join(names)[:80]}, its rows have {len(tokens)} columns"
                raise data_error(path, problem, "give each column one name")
    if texts:
        names = split_names(texts[-1], form.separator)
        explicit = form.separator is not None and form.separator in texts[-1]
        if len(names) == len(tokens) or explicit:
            raise data_error(path, f"its columns are named {' '.join(names)[:80]}", "name three of them x, y and z")
    return None


def _are_first(names: list[str], tokens: list[str]) -> bool:
    """Whether fewer names than columns are those of the first ones, and not of columns behind a number of the row."""
    return tuple(name.lower() for name in names[:3]) == AXES and tokens[0] not in ("0", "1")


def plain_row(line: str, form: Form) -> str:
    """A row without quotes, decimal commas and empty cells."""
    if form.quoted:
        line = line.replace('"', "").replace("'", "")
    if form.decimal_comma:
        line = line.replace(",", ".")
    sign = form.separator
    if sign is None or form.names is None:
        return line
    if not (sign + sign in line.replace(" ", "") or line[:1] == sign or line[-1:] == sign):
        return line
    cells = [cell.strip() for cell in line.split(sign)]
    empty = {place for place, cell in enumerate(cells) if not cell}
    # A point without coordinates is a row without a point; one with two of them is damaged.
    if empty & set(form.axes) and not set(form.axes) <= empty:
        return line
    return sign.join(cell or "nan" for cell in cells)

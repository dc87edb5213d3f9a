"""How the page writes figures: percentages, counts, sizes and times, with spaces that don't break a line."""

from __future__ import annotations

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def percent(share: float | None, digits: int = 1) -> str:
    """`89.7 %`; a dash for None."""
    return "–" if share is None else f"{100 * share:.{digits}f}{SPACE}%".replace("-", MINUS)


def points(share: float | None, digits: int = 1) -> str:
    """A difference of shares in percentage points, with its sign: `+0.3`; a dash for None."""
    return "–" if share is None else f"{100 * share:+.{digits}f}".replace("-", MINUS)


def count(number: float | None) -> str:
    """`22,513,960`; a dash for None."""
    return "–" if number is None else f"{round(number):,}"


def short_count(number: float | None) -> str:
    """`772.8 k` or `22.5 M`; whole below a thousand; a dash for None."""
    if number is None:
        return "–"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999,960 would round to 1000.0 k.
        if number >= 0.9999 * size:
            return f"{number / size:.1f}".removesuffix(".0") + SPACE + unit
    return f"{number:.0f}"


def megabytes(size: float | None) -> str:
    """`3.06 MB` from bytes; two figures of a small one; a dash for None."""
    if size is None:
        return "–"
    return f"{size / 1e6:.2f}{SPACE}MB" if size >= 1e5 else f"{size / 1e3:.2g}{SPACE}kB"


def mebibytes(size: float | None) -> str:
    """`1,411 MiB`, or GiB from ten thousand on; a dash for None."""
    if size is None:
        return "–"
    return f"{size:,.0f}{SPACE}MiB" if size < 10_000 else f"{size / 1024:,.1f}{SPACE}GiB"


def short_duration(seconds: float | None) -> str:
    """`4.31 ms`, or seconds from a whole one on; a dash for None."""
    if seconds is None:
        return "–"
    return f"{1000 * seconds:.3g}{SPACE}ms" if seconds < 0.9995 else f"{seconds:.3g}{SPACE}s"


def duration(seconds: float | None) -> str:
    """`4.2 s`, `5 min 12 s` or `2 h 05 min`; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f}{SPACE}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{SPACE}min {whole % 60:02}{SPACE}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}{SPACE}h {minutes % 60:02}{SPACE}min"

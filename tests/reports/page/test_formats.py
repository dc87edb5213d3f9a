"""How the page writes figures."""

from __future__ import annotations

from pointlora.reports.page import formats

SPACE = "\u00a0"


def plain(text: str) -> str:
    return text.replace(SPACE, " ")


def test_shares_and_differences() -> None:
    assert formats.percent(0.8966666) == f"89.7{SPACE}%"
    assert plain(formats.percent(1.0, 0)) == "100 %"
    assert plain(formats.percent(-1.284)) == "\N{MINUS SIGN}128.4 %"
    assert formats.percent(None) == formats.points(None) == "–"
    assert formats.points(0.0034) == "+0.3"
    assert formats.points(-0.036) == "\N{MINUS SIGN}3.6"


def test_counts() -> None:
    assert formats.count(22_513_960) == "22,513,960"
    written = [plain(formats.short_count(number)) for number in (7, 999, 1000, 772_752, 999_960, 22_513_960, 3e9)]
    assert written == ["7", "999", "1 k", "772.8 k", "1 M", "22.5 M", "3 G"]


def test_sizes() -> None:
    assert plain(formats.megabytes(3_061_234)) == "3.06 MB"
    assert plain(formats.megabytes(12_400)) == "12 kB"
    assert plain(formats.mebibytes(1411.2)) == "1,411 MiB"
    assert plain(formats.mebibytes(20_480)) == "20.0 GiB"


def test_times() -> None:
    assert [plain(formats.short_duration(seconds)) for seconds in (0.00431, 0.0999, 0.9996, 1.234)] == [
        "4.31 ms",
        "99.9 ms",
        "1 s",
        "1.23 s",
    ]
    assert formats.short_duration(None) == "–"
    written = [plain(formats.duration(seconds)) for seconds in (4.24, 59.96, 312.4, 3599.6, 7530)]
    assert written == ["4.2 s", "1 min 00 s", "5 min 12 s", "1 h 00 min", "2 h 06 min"]

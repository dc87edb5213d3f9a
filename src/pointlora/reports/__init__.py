"""Tables and pictures for people; matplotlib is imported only when a picture is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.reports.clouds import CloudPanel, draw_clouds
    from pointlora.reports.confusion import confusion_csv, draw_confusion
    from pointlora.reports.tables import key_value_table, markdown_table, text_table

__all__ = [
    "CloudPanel",
    "confusion_csv",
    "draw_clouds",
    "draw_confusion",
    "key_value_table",
    "markdown_table",
    "text_table",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CloudPanel": "clouds",
        "confusion_csv": "confusion",
        "draw_clouds": "clouds",
        "draw_confusion": "confusion",
        "key_value_table": "tables",
        "markdown_table": "tables",
        "text_table": "tables",
    },
)

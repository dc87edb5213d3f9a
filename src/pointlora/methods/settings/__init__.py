"""Settings of the tuning methods, one file per method; which there are, says `pointlora.methods.table`."""

from pointlora.lazy import lazy_names

__all__ = ["PRESETS", "MethodConfig", "PointLoraConfig", "SelectionScale", "TunedPartsConfig"]

__getattr__ = lazy_names(
    "pointlora.methods",
    {
        "PRESETS": "table",
        "MethodConfig": "settings.base",
        "PointLoraConfig": "settings.pointlora",
        "SelectionScale": "settings.pointlora",
        "TunedPartsConfig": "settings.tuned_parts",
    },
)

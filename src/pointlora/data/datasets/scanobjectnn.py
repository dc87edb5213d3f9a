"""ScanObjectNN: 15 classes of objects cut out of indoor scans (Uy et al., ICCV 2019), in its three usual variants."""

from __future__ import annotations

from collections.abc import Sequence

from pointlora.data.datasets.hdf5 import Hdf5Dataset
from pointlora.data.datasets.paths import Root, check_root, check_split, first_existing
from pointlora.errors import ConfigError
from pointlora.names import unknown_name

CLASS_NAMES = (
    "bag",
    "bin",
    "box",
    "cabinet",
    "chair",
    "desk",
    "display",
    "door",
    "shelf",
    "table",
    "bed",
    "pillow",
    "sink",
    "sofa",
    "toilet",
)

# variant -> (folder, file name after `training_objectdataset` / `test_objectdataset`)
VARIANTS = {
    "obj_bg": ("main_split", ""),
    "obj_only": ("main_split_nobg", ""),
    "pb_t50_rs": ("main_split", "_augmentedrot_scale75"),
}


class ScanObjectNN(Hdf5Dataset):
    """ScanObjectNN from its HDF5 files; clouds have 2048 points.

    Args:
        root: folder that holds `main_split/` and `main_split_nobg/` (or `h5_files/` with them).
        split: `train` or `test`.
        variant: `obj_bg` (object with background), `obj_only`, or `pb_t50_rs` (perturbed, the hardest).
        cache: the cache on disk, see `open_dataset`.
        features: names of what points have beside x, y, z.

    Raises:
        ConfigError: for an unknown split or variant.
        DataError: if a file is missing, damaged, or holds other arrays than expected.
    """

    def __init__(
        self,
        root: Root,
        split: str = "train",
        variant: str = "pb_t50_rs",
        cache: str = "off",
        features: Sequence[str] = (),
    ) -> None:
        check_split(split, ("train", "test"))
        if variant not in VARIANTS:
            raise ConfigError(unknown_name("variant of scanobjectnn", variant, VARIANTS))
        folder, suffix = VARIANTS[variant]
        file = f"{'training' if split == 'train' else 'test'}_objectdataset{suffix}.h5"
        layout = f"<root>/{folder}/{file}"
        base = check_root("scanobjectnn", root, layout)
        path = first_existing("scanobjectnn", [base / folder / file, base / "h5_files" / folder / file], layout)
        super().__init__("scanobjectnn", split, CLASS_NAMES, [path], cache, features)

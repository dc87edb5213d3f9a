"""Point-PQAE (Zhang et al., "Towards more diverse and challenging pre-training for point cloud learning:
self-supervised cross reconstruction with decoupled views", ICCV 2025).

The network is Point-MAE's; what differs is that the pre-trained file has a class token, and the names in that file.
"""

from __future__ import annotations

from pointlora.models.classifier import PointClassifier
from pointlora.models.family import Family
from pointlora.models.layouts import PLAIN_FINE_TUNED, PLAIN_PARTS, pretrained_layout
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes

PRETRAINED = pretrained_layout(
    "point_pqae", "PQAE_encoder.", requires=(r"PQAE_encoder\.cls_token$", r"PQAE_encoder\.cls_pos$")
)

FAMILIES = (
    Family(
        name="point_pqae",
        description="Point-PQAE, 22.1 M parameters, cross reconstruction of two views (ICCV 2025)",
        sizes=Sizes(drop_path_rate=0.2),
        tasks={"classification": PointClassifier, "part_segmentation": PartSegmenter},
        layouts=(PRETRAINED, PLAIN_FINE_TUNED, PLAIN_PARTS),
    ),
)

"""ACT (Dong et al., "Autoencoders as cross-modal teachers", ICLR 2023).

The network is Point-MAE's; what differs is that the pre-trained file has a class token, and the names in that file.
"""

from __future__ import annotations

from pointlora.models.classifier import PointClassifier
from pointlora.models.family import Family
from pointlora.models.layouts import PLAIN_FINE_TUNED, PLAIN_PARTS, Layout, encoder_rules
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes

PRETRAINED = Layout(
    family="act",
    stage="pre-trained",
    requires=(r"ACT_encoder\.encoder\.first_conv\.", r"ACT_encoder\.blocks\.blocks\.0\.norm1\."),
    forbids=(r"ACT_encoder\.reduce_dim\.",),
    rules=(
        *encoder_rules("ACT_encoder.", "encoder."),
        (r"ACT_encoder\.(lm_head|cls_head)\.|ACT_encoder\.mask_token$", None),
        # The decoder and the teacher.
        (r"(?!ACT_encoder\.)", None),
    ),
)

FAMILIES = (
    Family(
        name="act",
        description="ACT, 22.1 M parameters, taught by autoencoders of other modalities (ICLR 2023)",
        sizes=Sizes(),
        tasks={"classification": PointClassifier, "part_segmentation": PartSegmenter},
        layouts=(PRETRAINED, PLAIN_FINE_TUNED, PLAIN_PARTS),
    ),
)

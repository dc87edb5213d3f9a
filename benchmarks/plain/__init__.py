"""PointLoRA and masked pre-training written the plain way, as public codes of this family do, on stock torch alone.

Nothing is shared between scales and nothing is fused: three groupings, three tokenizer passes, every branch a layer of
its own, everything in float32. The official key layout is used, so the same weights go into these networks and into the
library's, and both must then give the same numbers. The library imports nothing from here.
"""

"""A folder that version 0.1.0 wrote on another layout of the code still loads, and gives the same numbers."""

import numpy as np
import torch

from goldens import FOLDER
from pointlora.adapters.loading import adapter_parts, load_adapted_model
from pointlora.inspection import describe

OLD = FOLDER / "old_adapter"


def test_an_old_adapter_gives_the_logits_that_it_gave():
    model, config = load_adapted_model(OLD / "adapter")
    outputs = {name: torch.from_numpy(array) for name, array in np.load(OLD / "outputs.npz").items()}
    with torch.no_grad():
        logits = model(outputs["points"], outputs["category"]).logits
    torch.testing.assert_close(logits, outputs["logits"], atol=1e-5, rtol=0)
    assert logits.std() > 0.05
    assert adapter_parts(OLD / "adapter", config).categories == ("chair", "mug")


def test_an_old_adapter_is_described():
    described = describe(OLD / "adapter")
    assert described["kind"] == "adapter"
    assert described["metrics"] == {"instance_miou": 0.5}
    assert described["intact"]

"""Point-MAE against the official network's outputs."""

import pytest
import torch

from goldens import Golden, load_golden
from pointlora import count_parameters, create_model, load_checkpoint


def classifier_of(golden: Golden) -> torch.nn.Module:
    config = golden.meta["config"]
    return create_model(
        "point_mae",
        num_classes=config["cls_dim"],
        embed_dim=config["trans_dim"],
        depth=config["depth"],
        num_groups=config["num_group"],
    )


@pytest.mark.parametrize("name", ["point_mae_cls_small", "point_mae_cls_full"])
def test_logits_equal_the_official_ones(name):
    golden = load_golden(name)
    model = classifier_of(golden).eval()
    report = load_checkpoint(model, golden.state_dict)
    assert (report.missing, report.unexpected, report.stage) == ([], [], "fine-tuned")
    assert count_parameters(model).total == golden.meta["counts"]["total"]
    with torch.no_grad():
        output = model(golden["points"])
    torch.testing.assert_close(output.logits, golden["logits"], atol=1e-5, rtol=0)
    assert output.auxiliary_loss.item() == 0


def test_point_mae_tiny_is_small_and_narrow():
    model = create_model("point_mae_tiny", num_classes=15)
    assert model.sizes.tokenizer_dims == (32, 64, 128)
    assert count_parameters(model).total < 3_500_000


def test_single_and_batched_prediction_agree():
    model = create_model("point_mae_tiny", num_classes=5).eval()
    points = load_golden("point_mae_cls_small")["points"][:, :1024]
    with torch.no_grad():
        batched = model(points).logits
        single = torch.cat([model(cloud[None]).logits for cloud in points])
    torch.testing.assert_close(single, batched, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", [None, "pointlora"])
def test_order_of_points_does_not_matter(method):
    from pointlora import apply_method

    torch.manual_seed(0)
    model = create_model("point_mae_tiny", num_classes=5)
    model = (apply_method(model, method) if method else model).eval()
    points = load_golden("point_mae_cls_small")["points"][:, :1024]
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(1023)])
    with torch.no_grad():
        torch.testing.assert_close(model(points[:, order]).logits, model(points).logits, atol=1e-5, rtol=0)

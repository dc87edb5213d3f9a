"""The plain implementation is the release's: same outputs, same loss, same gradients, same masked autoencoder."""

import pytest
import torch
from torch.nn import functional as F

from goldens import load_golden
from pointlora.cli.benchmark import benchmark_module

classifier = benchmark_module("plain.classifier")
pretraining = benchmark_module("plain.pretraining")
models = benchmark_module("models")


@pytest.fixture
def release():
    golden = load_golden("pointlora_small")
    config = golden.meta["config"]
    model = classifier.PlainClassifier(
        dim=config["trans_dim"], depth=config["depth"], num_heads=config["num_heads"], drop_path_rate=0.0
    )
    model.load_state_dict(golden.state_dict)
    return golden, model


def test_evaluation_equals_the_release(release):
    golden, model = release
    with torch.no_grad():
        logits, mask_loss = model.eval()(golden["points"])
    torch.testing.assert_close(logits, golden["logits"], atol=1e-4, rtol=0)
    assert mask_loss.item() == pytest.approx(golden["mask_loss"].item(), abs=1e-4)


def test_training_step_equals_the_release(release):
    golden, model = release
    for module in model.train().modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    logits, mask_loss = model(golden["train_points"])
    loss = F.cross_entropy(logits, golden["train_labels"]) + 0.004 * mask_loss
    assert loss.item() == pytest.approx(golden["train_loss"].item(), abs=1e-3)
    loss.backward()
    norms = {name: value.grad.norm().item() for name, value in model.named_parameters() if value.grad is not None}
    assert norms.keys() == golden.meta["grad_norms"].keys()
    for name, expected in golden.meta["grad_norms"].items():
        # A bias that a batch normalisation follows has no gradient but rounding.
        assert norms[name] == pytest.approx(expected, rel=0.05, abs=2e-3), name


def test_pretraining_loss_equals_the_official_one():
    golden = load_golden("point_mae_pretrain_small")
    model = pretraining.PlainAutoencoder(dim=48, depth=3, num_heads=6, decoder_depth=2).eval()
    model.load_state_dict(golden.state_dict)
    with torch.no_grad():
        loss = model(golden["points"], golden["mask"])
    assert loss.item() == pytest.approx(golden["loss"].item(), abs=1e-5)


def test_the_budget_of_the_paper_is_trained():
    model = classifier.PlainClassifier()
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad)
    assert (trained, sum(value.numel() for value in model.parameters())) == (772_752, 22_513_960)


def test_both_sides_agree_and_a_difference_stops_the_run():
    pair = models.classifier_pair("point_mae_tiny", torch.device("cpu"))
    points = torch.randn(2, 512, 3, generator=torch.Generator().manual_seed(0))
    assert models.check_classifiers(pair, points) < 1e-5
    pair.plain.norm.bias.data += 0.01
    with pytest.raises(models.DisagreementError, match="logits of the library and of the plain"):
        models.check_classifiers(pair, points)

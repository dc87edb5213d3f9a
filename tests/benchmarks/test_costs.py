"""Counted operations against counts by hand."""

import pytest
import torch

from pointlora.cli.benchmark import benchmark_module
from pointlora.models.sizes import Sizes

costs = benchmark_module("costs")
make_machine = benchmark_module("machine").Machine
machine = make_machine("test", 1, 10.0, 100.0, 1000.0, 4000.0)


def test_a_linear_layer():
    # 5 rows of 3 multiplications and 3 additions for each of 7 outputs; the weight has 21 numbers of 4 bytes.
    assert costs.linear(5, 3, 7) == costs.Cost(flops=5 * 7 * (3 + 3), memory=84)
    assert costs.linear(5, 3, 7, passes=3).flops == 3 * 210


def test_the_tokenizer():
    # 2 patches of 4 points: 3 -> 2 -> 3, then [3 | 3] -> 5 -> 6 with the left half applied once a patch.
    points = 8 * (2 * 3 * 2 + 2 * 2 * 3 + 2 * 3 * 5 + 2 * 5 * 6)
    assert costs.tokenizer(2, 4, (2, 3, 5), 6).flops == points + 2 * (2 * 3 * 5)
    # Tuned: forward and weight gradient of the first layer, all three of the second, two of the frozen ones; the last
    # one's gradient is added up once a patch, not once a point.
    tuned = 8 * (2 * 12 + 3 * 12 + 2 * 30 + 60) + 2 * (2 * 30 + 60)
    assert costs.tokenizer(2, 4, (2, 3, 5), 6, costs.TUNING).flops == tuned


def test_a_block():
    # One cloud of 3 tokens of width 4: 12 C² multiplications a token, and 2 T² C of attention, each times 2.
    assert costs.block(1, 3, 4).flops == 2 * (3 * 12 * 16 + 2 * 9 * 4)
    branches = costs.block(1, 3, 4, rank=2, prompt=5).flops - costs.block(1, 3, 4).flops
    lora = 2 * 3 * (4 * 2 + 2 * 12 + 4 * 2 + 2 * 4)
    prompts = 2 * 3 * (4 * 5 + 5 * 12 + 4 * 5 + 5 * 4 + 4 * 5 + 5 * 4)
    assert branches == lora + prompts


def test_the_published_sizes():
    sizes = Sizes()
    assert costs.sequence_length(sizes) == 169
    assert costs.scales_of(sizes) == [(128, 32), (128, 32), (64, 64)]
    # Two distinct scales of 4096 points each, about 0.74 M multiplications a point.
    assert costs.tokenizers(1, sizes).flops == pytest.approx(2 * 4096 * 2 * 0.361e6, rel=0.01)


def test_a_floor_is_the_slowest_of_its_parts():
    assert costs.Cost(flops=2000).seconds(machine) == 2
    assert costs.Cost(flops=2000).seconds(machine, torch.bfloat16) == 0.5
    assert costs.Cost(flops=2000, memory=50, cached=100).seconds(machine) == 5
    assert (costs.Cost(flops=1) * 3 + costs.Cost(memory=4)) == costs.Cost(flops=3, memory=4)


def test_a_gpu_has_no_cache_floor():
    gpu = make_machine("test", 1, 10.0, 0.0, 1000.0, 4000.0)
    assert costs.Cost(cached=100).seconds(gpu) == 0
    assert costs.Cost(memory=50, cached=100).seconds(gpu) == 5
    assert "in cache" not in str(gpu)

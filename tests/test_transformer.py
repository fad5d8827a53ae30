"""The transformer that both encoders share: its weights on the disk, and its attention."""

import pytest
import torch
from torch import nn

from quotes.transformer import HIDDEN, Layer, _PackedLinear, packed, unpacked


def test_packed_weights_come_back_as_they_were_to_a_hundredth():
    weights = {"layer.weight": torch.randn(50, 40), "layer.bias": torch.randn(50), "zero.weight": torch.zeros(2, 3)}
    back = unpacked(packed(weights))
    assert back.keys() == weights.keys()
    for name, weight in weights.items():
        assert back[name].shape == weight.shape
        assert (back[name] - weight).abs().max() < 0.02


def test_learning_and_reading_attend_alike():
    torch.manual_seed(1)
    layer = Layer()
    layer.dropout.p = 0.0
    states = torch.randn(14, HIDDEN)
    with torch.inference_mode():
        learning, reading = layer.train()(states, [9, 5]), layer.eval()(states, [9, 5])
        alone = layer(states[9:], [5])
        chosen = layer(states, [9, 5], torch.tensor([2, 11]))
    assert torch.allclose(learning, reading, atol=1e-4)
    assert torch.allclose(reading[9:], alone, atol=1e-4)
    assert torch.allclose(reading[[2, 11]], chosen, atol=1e-4)


@pytest.mark.parametrize("integers", [True, False])
def test_packed_maps_are_the_same_on_every_processor(monkeypatch, integers):
    torch.manual_seed(1)
    map_ = nn.Linear(1536, 384)
    weights = packed({"weight": map_.weight.detach()})
    states = torch.randn(7, 1536)
    monkeypatch.setattr(_PackedLinear, "_integers", integers)
    mapped = _PackedLinear(weights["weight"], weights["weight.scale"], map_.bias.detach())(states)
    scale = states.abs().amax(dim=1, keepdim=True) / 127
    sums = (states / scale).round().double() @ weights["weight"].double().t()
    exact = sums * scale * weights["weight.scale"].flatten() + map_.bias
    assert torch.allclose(mapped.double(), exact, atol=1e-6)
    assert (mapped - map_(states)).abs().max() < 0.05

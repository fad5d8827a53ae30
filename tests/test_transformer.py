"""The transformer that both encoders share: its weights on the disk, and its attention."""

import torch

from quotes.transformer import HIDDEN, Layer, packed, padded, unpacked


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
    states = torch.randn(2, 9, HIDDEN)
    mask = torch.tensor([[True] * 9, [True] * 5 + [False] * 4])
    with torch.inference_mode():
        learning, reading = layer.train()(states, mask), layer.eval()(states, mask)
        alone = layer(states[1:, :5], None)
    assert torch.allclose(learning[mask], reading[mask], atol=1e-4)
    assert torch.allclose(reading[1:, :5], alone, atol=1e-4)


def test_shorter_questions_are_padded_and_masked():
    ids, kinds, mask = padded([([101, 7, 102], [0, 1, 0]), ([101, 102], [0, 0])])
    assert ids.tolist() == [[101, 7, 102], [101, 102, 0]]
    assert kinds.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert mask.tolist() == [[True, True, True], [True, True, False]]

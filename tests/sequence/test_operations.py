"""Operations by measured rates, energy, and the arithmetic of the paper."""

from __future__ import annotations

import pytest
import torch

from sciformer.sequence.operations import AC_PJ, MAC_PJ, measure, published_claims
from sciformer.sequence.presets import make_model
from tests.sequence.test_model import SMALL, settled


@pytest.mark.parametrize("family", ["lmuformer", "spiking-lmuformer"])
@pytest.mark.parametrize("preset", ["small", "speech-commands", "psmnist", "psmnist-last"])
def test_measured_layers_are_the_counted_operations(family: str, preset: str) -> None:
    """Kills: a layer missed or met twice, spikes taken for numbers."""
    if (family, preset) == ("spiking-lmuformer", "psmnist-last"):
        pytest.skip("there is none")
    sizes = SMALL if "psmnist" not in preset else {}
    model = settled(make_model(family, preset, **sizes))
    features = 3 if sizes else 1
    report = measure(model, torch.randn(2, 20, features, dtype=torch.float64))
    count = model.operations(1)
    spiking = sum(layer.synapses for layer in report.layers if layer.spikes)
    assert (report.macs, spiking, report.pair_macs) == (count.macs, count.acs, 0)
    rates = sum(layer.synapses * layer.rate for layer in report.layers if layer.spikes)
    assert report.acs == rates
    assert report.energy_pj == MAC_PJ * report.macs + AC_PJ * report.acs
    assert len({layer.name for layer in report.layers}) == len(report.layers)
    assert model.training is False


def test_rates_are_shares_of_spikes() -> None:
    """Kills: a rate over the outputs, or over real numbers."""
    model = settled(make_model("spiking-lmuformer", "small", **SMALL))
    report = measure(model, torch.randn(2, 20, 3, dtype=torch.float64))
    rates = [layer.rate for layer in report.layers if layer.spikes]
    assert all(0 <= rate < 0.9 for rate in rates)
    assert max(rates) > 0
    first = next(layer for layer in report.layers if layer.name.endswith("convolution0"))
    assert not first.spikes
    assert first.rate == 1.0


def test_the_state_is_counted() -> None:
    """Convolution windows, the memory, the mean of the tokens and their number."""
    model = make_model("lmuformer", "small", **SMALL, depth=1)
    windows = 4 * 3 + 2 * (8 + 8 + 8)
    assert measure(model, torch.randn(1, 5, 3)).state_numbers == windows + 8 * 16 + 8 + 1


def test_attention_pays_for_pairs() -> None:
    """Keys and values of all frames are kept, and each frame meets those before it.

    Kills: attention counted in its linear maps only, a cache taken for empty.
    """
    model = make_model("lmuformer", "small", **SMALL, depth=1, mixer="attention", heads=2)
    report = measure(model, torch.randn(2, 5, 3))
    assert report.pair_macs == 2 * 8 * (1 + 2 + 3 + 4 + 5) / 5
    assert report.macs * 5 == model.operations(5).macs
    windows, seen = 4 * 3 + 2 * (8 + 8 + 8), 5
    assert report.state_numbers == windows + 2 * 5 * 8 + seen + 8 + 1


def test_published_arithmetic() -> None:
    """Kills: any of the published sizes; which claims hold is a result."""
    claims = published_claims()
    assert [round(claim.recomputed, 2) for claim in claims] == [52.65, 60.13, 65.44, 57.78, 32.03]
    assert [claim.holds for claim in claims] == [True, False, True, False, True]

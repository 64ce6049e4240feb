"""The streaming model is the parallel model, frame by frame, wherever the stream is cut."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sciformer.errors import DataError, ShapeError, UsageError
from sciformer.mixers import Convolution
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.folding import fold
from sciformer.sequence.kernels import kernel
from sciformer.sequence.presets import make_model
from sciformer.sequence.streaming import (
    Kernels,
    Streamer,
    early_exit_curve,
    flatten,
    frames_needed,
)
from sciformer.spiking import LIF
from tests.sequence.test_model import SMALL, settled

FAMILIES = ("lmuformer", "spiking-lmuformer")


def probabilities(streamer: Streamer, x: torch.Tensor) -> torch.Tensor:
    return torch.stack([streamer.push(frame) for frame in x.unbind(1)], 1)


def causal(family: str, dtype: torch.dtype = torch.float64) -> SequenceClassifier:
    return settled(make_model(family, "small", **SMALL, depth=1)).to(dtype)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_streaming_is_the_parallel_model(
    family: str, batch: int, dtype: torch.dtype, tolerance: float
) -> None:
    """One stream goes through kernels, two through modules.

    Kills: a frame used twice, a mean over the wrong count, folding that is not exact.
    Spikes may flip if a potential lies within rounding of its threshold; with this seed none does.
    """
    model = causal(family, dtype)
    x = torch.randn(batch, 20, 3, dtype=dtype)
    expected = model.beginnings(x).softmax(-1)
    assert (probabilities(Streamer(model, batch), x) - expected).abs().max() <= tolerance


@pytest.mark.parametrize(
    ("family", "preset", "sizes"),
    [
        ("lmuformer", "small", {**SMALL, "channels": 3, "dropout": 0.5}),
        ("lmuformer", "small", {**SMALL, "mixer": "urpe"}),
        ("lmuformer", "causal", {**SMALL, "order": 12}),
        ("spiking-lmuformer", "causal", {**SMALL, "order": 12, "tau": 1.7}),
        ("lmuformer", "psmnist", {}),
        ("lmuformer", "psmnist-last", {}),
        ("spiking-lmuformer", "psmnist", {}),
    ],
)
def test_kernels_are_the_models_steps(family: str, preset: str, sizes: dict[str, Any]) -> None:
    """Logits and state, from a state that is not zero, with every kind of stage.

    Kills: a kernel that keeps a reference instead of a copy, one that writes into its input, a
    window in the wrong order, a lost reset, a part of the state that is not restored.
    """
    model = fold(settled(make_model(family, preset, **sizes)))
    x = 2 * torch.randn(1, 14, model.features, dtype=torch.float64)
    state = model.init_state(1)
    with torch.no_grad():
        for frame in x[:, :6].unbind(1):
            _, state = model.step(frame, state)
        kernels = Kernels(model)
        kernels.restore(state)
        for frame in x[:, 6:].unbind(1):
            logits, state = model.step(frame, state)
            assert torch.allclose(kernels(frame), logits, rtol=0, atol=1e-12)
            found, expected = flatten(kernels.state), flatten(state)
            assert found.keys() == expected.keys()
            for place, tensor in found.items():
                assert torch.allclose(tensor, expected[place], rtol=1e-12, atol=1e-12), place


def test_the_threshold_itself_spikes_in_kernels_too() -> None:
    """Kills: > instead of >=, which random potentials do not tell apart."""
    neurons = kernel(LIF(3, 1.0, threshold=0.5))
    assert neurons(np.array([0.5, 0.4375, -0.5], np.float32)).tolist() == [1, 0, 0]
    (membranes,) = neurons.state
    assert membranes.tolist() == [[0, 0.4375, -0.5]]


def test_a_convolution_slides_past_the_end_of_its_tape() -> None:
    """Kills: the window taken or moved back one token too early or too late."""
    stage = Convolution(2, 3, kernel=3).double()
    tokens = torch.randn(1, 500, 2, dtype=torch.float64)
    expected, _ = stage(tokens)
    convolve = kernel(stage)
    found = np.stack([convolve(token).copy() for token in tokens[0].numpy()])
    assert np.allclose(found, expected[0].detach().numpy(), rtol=0, atol=1e-13)


def test_the_state_of_a_stream_is_a_value() -> None:
    """Kills: a state that the next frame changes, a restored state that the stream writes to."""
    for family in FAMILIES:
        streamer = Streamer(causal(family))
        x = torch.randn(1, 6, 3, dtype=torch.float64)
        probabilities(streamer, x[:, :4])
        kept = streamer.state
        copies = {place: tensor.clone() for place, tensor in flatten(kept).items()}
        first = probabilities(streamer, x[:, 4:])
        assert all(torch.equal(copies[place], part) for place, part in flatten(kept).items())
        streamer.restore(kept)
        assert streamer.frames == 4
        assert torch.equal(probabilities(streamer, x[:, 4:]), first)
        assert all(torch.equal(copies[place], part) for place, part in flatten(kept).items())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stream_can_be_cut_and_continued(family: str, tmp_path: Path) -> None:
    """To the bit. Kills: a part of the state that is not saved, or a frame count that restarts."""
    model, x = causal(family), torch.randn(1, 20, 3, dtype=torch.float64)
    whole = probabilities(Streamer(model), x)
    first, second = Streamer(model), Streamer(model)
    before = probabilities(first, x[:, :7])
    first.save(tmp_path / "state.safetensors")
    second.load(tmp_path / "state.safetensors")
    assert second.frames == 7
    after = probabilities(second, x[:, 7:])
    assert torch.equal(torch.cat([before, after], 1), whole)


@pytest.mark.parametrize("batch", [1, 2])
def test_frames_come_in_any_dtype(batch: int) -> None:
    """Kills: a frame of another dtype that is refused deep inside, or one with a gradient."""
    model, x = causal("lmuformer", torch.float32), torch.randn(batch, 5, 3)
    expected = probabilities(Streamer(model, batch), x)
    assert torch.equal(probabilities(Streamer(model, batch), x.double().requires_grad_()), expected)


def test_memory_does_not_grow() -> None:
    """Kills: a state that keeps what it has seen."""
    streamer = Streamer(causal("lmuformer"))
    sizes = []
    for _ in range(30):
        streamer.push(torch.zeros(1, 3, dtype=torch.float64))
        sizes.append(sum(tensor.numel() for tensor in flatten(streamer.state).values()))
    assert len(set(sizes)) == 1
    streamer.reset()
    assert streamer.frames == 0
    assert all((tensor == 0).all() for tensor in flatten(streamer.state).values())


def test_what_cannot_be_streamed_is_refused(tmp_path: Path) -> None:
    """Kills: a model that looks ahead run frame by frame, the state of another model."""
    with pytest.raises(UsageError, match=r"reads 5 later frames and cannot run frame by frame"):
        Streamer(make_model("lmuformer", "speech-commands", **SMALL))
    streamer = Streamer(causal("lmuformer"))
    with pytest.raises(ShapeError, match=r"expects a frame of shape \(1, 3\); got \(2, 3\)"):
        streamer.push(torch.zeros(2, 3, dtype=torch.float64))
    with pytest.raises(ShapeError, match=r"got \(1, 2\)"):
        streamer.push(torch.zeros(1, 2, dtype=torch.float64))
    with pytest.raises(DataError, match=r"is not a saved stream state"):
        streamer.load(tmp_path / "missing.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"\x00" * 5)
    with pytest.raises(DataError, match=r"is not a saved stream state"):
        streamer.load(tmp_path / "broken.safetensors")
    Streamer(causal("spiking-lmuformer")).save(tmp_path / "other.safetensors")
    with pytest.raises(DataError, match=r"state of another model or batch \(it differs at 0\."):
        streamer.load(tmp_path / "other.safetensors")
    Streamer(causal("lmuformer"), 2).save(tmp_path / "two.safetensors")
    with pytest.raises(DataError, match=r"state of another model or batch"):
        streamer.load(tmp_path / "two.safetensors")


def test_the_early_exit_curve_ends_at_the_accuracy() -> None:
    """Kills: a curve of the parallel model, a batch left out."""
    model, x = causal("lmuformer"), torch.randn(7, 12, 3, dtype=torch.float64)
    labels = model(x).argmax(1)
    labels[0] = (labels[0] + 1) % 4
    curve = early_exit_curve(model, x, labels, batch=3)
    expected = (model.beginnings(x).argmax(-1) == labels[:, None]).double().mean(0)
    assert torch.equal(curve, expected)
    assert curve[-1] == pytest.approx(6 / 7)


@pytest.mark.parametrize(
    ("curve", "frames"),
    [([1.0, 1.0], 1), ([0.1, 0.99, 1.0], 2), ([0.1, 0.98, 1.0], 3), ([1.0, 0.5, 1.0], 3)],
)
def test_frames_needed_stay_enough(curve: list[float], frames: int) -> None:
    """Kills: the first frame above instead of the last below, > instead of >=."""
    assert frames_needed(torch.tensor(curve, dtype=torch.float64)) == frames


def test_a_state_belongs_to_its_weights(tmp_path: Path) -> None:
    """Kills: a check of shapes alone."""
    model = causal("lmuformer")
    first, second, other = Streamer(model), Streamer(model), copy.deepcopy(model)
    with torch.no_grad():
        next(iter(other.parameters())).mul_(1 + 2**-40)
    for _ in range(5):
        first.push(torch.ones(1, 3, dtype=torch.float64))
    first.save(str(tmp_path / "state.safetensors"))
    second.load(tmp_path / "state.safetensors")
    assert second.frames == 5
    with pytest.raises(DataError, match="its weights have another digest"):
        Streamer(other).load(tmp_path / "state.safetensors")


@pytest.mark.parametrize("place", ["1", "2"])
def test_states_are_finite(tmp_path: Path, place: str) -> None:
    """Kills: NaN restored, and every later probability NaN."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = tmp_path / "state.safetensors"
    streamer = Streamer(causal("lmuformer"))
    streamer.save(path)
    with safe_open(path, "pt") as file:
        texts = file.metadata()
    save_file({**load_file(path), place: load_file(path)[place] * float("nan")}, path, texts)
    with pytest.raises(DataError, match=f"{place} holds numbers that are not finite"):
        streamer.load(path)


def test_weights_that_are_not_finite_do_not_stream() -> None:
    """Kills: a class with probability nan."""
    model = causal("lmuformer")
    with torch.no_grad():
        model.head.bias[0] = float("nan")
    with pytest.raises(DataError, match=r"head\.bias hold numbers that are not finite"):
        Streamer(model)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_frame_that_is_refused_leaves_the_stream_as_it_was(batch: int) -> None:
    """Kills: a nan that stays in the memory, so that every later frame is refused."""
    network = causal("lmuformer")
    streamer, other = Streamer(network, batch), Streamer(network, batch)
    frames = torch.randn(4, batch, 3, dtype=torch.float64)
    for t, frame in enumerate(frames):
        for bad in (torch.nan, torch.inf):
            with pytest.raises(DataError, match=rf"frame {t + 1} holds numbers that are not fin"):
                streamer.push(torch.full((batch, 3), bad))
        assert torch.equal(streamer.push(frame), other.push(frame))
    with pytest.raises(ShapeError, match=r"got list"):
        streamer.push([[0.0, 0.0, 0.0]])  # type: ignore[arg-type]
    assert streamer.frames == other.frames == 4

"""Exported programs give the model's own answers, for whole sequences and step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sciformer.attention import MultiheadAttention, Sinusoidal, Universal
from sciformer.errors import UsageError
from sciformer.mixers import Attention
from sciformer.onnx import write_onnx
from sciformer.sequence.architecture import Mixing
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.exchange.programs import (
    initial_state,
    step_program,
    whole_program,
    write_torch,
)
from sciformer.sequence.presets import make_model

# Single precision through a hundred operations; probabilities of ten classes are of order .1.
TOLERANCE = 1e-5
FRAMES = 12


def model(family: str = "lmuformer", **sizes: object) -> SequenceClassifier:
    torch.manual_seed(4)
    made = make_model(family, "small", width=16, length=FRAMES, theta=FRAMES, **sizes).eval()
    for _ in range(2):  # running statistics that are no special values
        made.train()(torch.randn(6, FRAMES, made.features))
    return made.eval()


def sequence(of: SequenceClassifier) -> torch.Tensor:
    return torch.randn(1, FRAMES, of.features, generator=torch.Generator().manual_seed(1))


# A spiking model is unrolled over its frames, which takes torch's exporter a minute.
SPIKING = pytest.param("spiking-lmuformer", marks=pytest.mark.slow)


@pytest.mark.parametrize("family", ["lmuformer", SPIKING])
def test_onnx_runs_whole_sequences(family: str, tmp_path: Path) -> None:
    """Kills: a program without the normalisation, or in training mode."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    made = model(family)
    write_onnx(whole_program(made, FRAMES), tmp_path / "whole.onnx")
    session = runtime.InferenceSession(tmp_path / "whole.onnx")
    [name] = [entry.name for entry in session.get_inputs()]
    x = sequence(made)
    [found] = session.run(None, {name: x.numpy()})
    np.testing.assert_allclose(found, made(x).detach().numpy(), atol=TOLERANCE)


def with_gains(made: SequenceClassifier) -> SequenceClassifier:
    """Gains of URPE that are not ones."""
    generator = torch.Generator().manual_seed(5)
    for part in made.modules():
        if isinstance(part, Universal):
            torch.nn.init.uniform_(part.table, -1.0, 2.0, generator=generator)
    return made


STEPPED: list[Any] = [
    ("lmuformer", {}),
    ("spiking-lmuformer", {}),
    ("lmuformer", {"mixer": "window", "mixing": Mixing(window=3), "depth": 1}),
    ("lmuformer", {"mixer": "urpe", "depth": 1}),
    *(
        pytest.param("lmuformer", sizes, marks=pytest.mark.slow)
        for sizes in (
            {"mixer": "linear"},
            {"mixer": "attention"},
            {"mixer": "attention", "mixing": Mixing(spans=(0, 2))},
        )
    ),
]


@pytest.mark.parametrize(("family", "sizes"), STEPPED)
def test_onnx_runs_step_by_step(family: str, sizes: dict[str, Any], tmp_path: Path) -> None:
    """From a cache without frames on. Kills: parts of the state in another order, a count that
    stands still, a window that sees places without frames or one frame too few, a position that
    does not move with the cache."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    made = with_gains(model(family, **sizes))
    write_onnx(step_program(made), tmp_path / "step.onnx")
    session = runtime.InferenceSession(tmp_path / "step.onnx")
    frame_name, *names = [entry.name for entry in session.get_inputs()]
    parts = [part.numpy() for part in initial_state(made)]
    state = made.init_state(1)
    for frame in sequence(made).unbind(1):
        feed = {frame_name: frame.numpy(), **dict(zip(names, parts, strict=True))}
        found, *parts = session.run(None, feed)
        with torch.no_grad():
            wanted, state = made.step(frame, state)
        np.testing.assert_allclose(found, wanted.numpy(), atol=TOLERANCE)


def test_a_stepped_table_ends_with_an_error() -> None:
    """Kills: a table that is read from its other end behind its last entry."""
    made = with_gains(model(mixer="urpe", depth=1))
    step, parts = step_program(made).module(), initial_state(made)
    frame = sequence(made)[:, 0]
    for _ in range(FRAMES):
        _, *parts = step(frame, parts)
    with pytest.raises(AssertionError, match=rf"<= {FRAMES - 1}"):
        step(frame, parts)


def test_torch_programs_are_read_back(tmp_path: Path) -> None:
    made = model()
    write_torch(whole_program(made, FRAMES), tmp_path / "whole.pt2")
    write_torch(step_program(made), tmp_path / "step.pt2")
    x = sequence(made)
    whole = torch.export.load(tmp_path / "whole.pt2").module()
    torch.testing.assert_close(whole(x), made(x), atol=TOLERANCE, rtol=0)
    step, parts = torch.export.load(tmp_path / "step.pt2").module(), initial_state(made)
    for frame in x.unbind(1):
        logits, *parts = step(frame, parts)
    torch.testing.assert_close(logits, made(x), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("mixer", ["attention", "urpe", "window", "latents"])
def test_attention_is_exported_whole(mixer: str) -> None:
    """Kills: a question to the data (whether all tokens exist) that no program can answer."""
    made = model(mixer=mixer)
    x = sequence(made)
    found = whole_program(made, FRAMES).module()(x)
    torch.testing.assert_close(found, made(x), atol=TOLERANCE, rtol=0)


def test_onnx_runs_attention(tmp_path: Path) -> None:
    """Kills: a gain of URPE that the program leaves out."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    made = with_gains(model(mixer="urpe"))
    write_onnx(whole_program(made, FRAMES), tmp_path / "whole.onnx")
    session = runtime.InferenceSession(tmp_path / "whole.onnx")
    [name] = [entry.name for entry in session.get_inputs()]
    x = sequence(made)
    [found] = session.run(None, {name: x.numpy()})
    np.testing.assert_allclose(found, made(x).detach().numpy(), atol=TOLERANCE)


def test_what_has_no_step_is_refused() -> None:
    """Kills: a program whose cache cannot grow, a window that forgets how often it moved."""
    with pytest.raises(UsageError, match="looks at later frames"):
        step_program(model(lookahead=1))
    counted = model(mixer="window", depth=1)
    attention = next(part for part in counted.modules() if isinstance(part, MultiheadAttention))
    attention.position = Sinusoidal()
    with pytest.raises(UsageError, match="Sinusoidal adds to frames by their number"):
        step_program(counted)
    foreign = model(depth=1)
    foreign.body.block0.mix.mixer = _Everything(16, 4)  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="grows with the stream"):
        step_program(foreign)


class _Everything(Attention):
    """A mixer of another package, of whose state only its size is known."""

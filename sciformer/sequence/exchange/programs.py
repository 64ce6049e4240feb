"""Whole sequences and single steps of a trained model, as programs of torch and ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sciformer.errors import UsageError
from sciformer.mixers.protocol import State
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.exchange.caches import Growing, with_program_caches
from sciformer.sequence.folding import fold
from sciformer.sequence.streaming import flatten


class Whole(nn.Module):
    """The map of sequences (b, n, c) to logits (b, classes)."""

    def __init__(self, model: SequenceClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor:
        logits: Tensor = self.model(frames)
        return logits


class Step(nn.Module):
    """The map of a frame (1, c) and the tensors of a state to logits (1, classes) and the next
    state.
    """

    def __init__(self, model: SequenceClassifier) -> None:
        super().__init__()
        self.model = model
        self._shape = model.init_state(1)

    def forward(self, frame: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, ...]:
        logits, after = self.model.step(frame, _nested(list(state), self._shape))
        return logits, *flatten(after).values()


def _nested(tensors: list[Tensor], like: State) -> State:
    """Takes tensors from the front of a list into the places of a state."""
    return tuple(
        tensors.pop(0) if isinstance(part, Tensor) else _nested(tensors, part) for part in like
    )


def whole_program(model: SequenceClassifier, length: int) -> Any:
    """The model for one sequence of `length` frames, a `torch.export.ExportedProgram`.

    Input `frames` (1, length, c); output logits (1, classes). The length is fixed, because the
    evaluation of a memory that is fastest, and its tables, depend on it.
    """
    folded = fold(model).requires_grad_(False)
    whole, example = Whole(folded), _example(folded, length)
    # Tables of the memories are kept once computed, and in a traced run they would have no numbers.
    whole(example)
    return torch.export.export(whole, (example,))


def step_program(model: SequenceClassifier) -> Any:
    """One step of a causal model, a `torch.export.ExportedProgram`.

    Inputs `frame` (1, c) and the tensors of the state, which begin as zeros; outputs logits
    (1, classes) and the tensors of the next state, in the same order. Keys and values of attention
    to all earlier frames begin without frames, (1, h, 0, d), and get one more with every step.

    Raises:
        UsageError: the model looks ahead, so it has no steps, or a mixer of another package has a
            state that grows.
    """
    stepped, caches = _stepped(model)
    start = _start(stepped)
    # Two frames in, so that counts, memories and lengths are no special values.
    step, state = Step(stepped), start
    with torch.no_grad():
        for frame in _example(stepped, 2).unbind(1):
            _, *state = step(frame, state)
    most = min((cache.most for cache in caches if cache.most is not None), default=None)
    frames = torch.export.Dim("frames", min=0, max=most)
    axes = [{2: frames} if tensor.numel() == 0 else None for tensor in start]
    shapes = (None, axes) if any(axes) else None
    return torch.export.export(step, (_example(stepped, 1)[:, 0], state), dynamic_shapes=shapes)


def _stepped(model: SequenceClassifier) -> tuple[SequenceClassifier, list[Growing]]:
    """A copy of a causal model whose state a program can hold, and its caches that grow."""
    if not model.body.causal:
        raise UsageError(
            "export: this model looks at later frames, so it has no step; export the whole, or "
            "train a causal preset."
        )
    folded = fold(model).requires_grad_(False)
    caches = with_program_caches(folded)
    if 2 * len(caches) != sum(tensor.numel() == 0 for tensor in _start(folded)):
        raise UsageError(
            "export: the state of this mixer grows with the stream, which a program of fixed sizes "
            "cannot hold; export the whole, or train with a mixer of this package."
        )
    return folded, caches


def initial_state(model: SequenceClassifier) -> list[Tensor]:
    """The tensors that the first step takes, in the order of its inputs."""
    return _start(_stepped(model)[0])


def _start(stepped: SequenceClassifier) -> list[Tensor]:
    return list(flatten(stepped.init_state(1)).values())


def write_torch(program: Any, path: Path) -> None:
    """Writes a program for `torch.export.load`, in Python or C++."""
    torch.export.save(program, path)


def _example(model: SequenceClassifier, frames: int) -> Tensor:
    weight = model.head.weight
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(1, frames, model.features, generator=generator)
    return drawn.to(weight.device, weight.dtype)

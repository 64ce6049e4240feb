"""Streaming of a classifier one frame at a time, in constant memory, with a state that can be
kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError, ShapeError, UsageError
from sciformer.mixers.protocol import State
from sciformer.runs.files import atomic
from sciformer.runs.reading import digest_of_tensors, read_tensors
from sciformer.runs.state import pack, unpack
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.folding import fold
from sciformer.sequence.kernels import kernel

WEIGHTS_DIGEST = "weights_sha256"  # in the header of a saved state


class Streamer:
    """A classifier that takes frames one by one and answers after each.

    Args:
        model: whose body is causal; it is folded, the given one stays as it is.
        batch: parallel streams.

    Raises:
        UsageError: the model reads later frames.
        DataError: weights that are not finite.

    Cost: memory and time a frame do not grow with the stream (with an attention mixer they do).
        A single stream on a CPU runs by `Kernels`, whose time is that of reading the weights.

    Examples:
        >>> import sciformer, torch
        >>> from sciformer.sequence.presets import make_model
        >>> model = make_model("lmuformer", "small")
        >>> streamer = sciformer.Streamer(model)
        >>> [streamer.push(torch.zeros(1, 1)).shape for _ in range(2)]
        [torch.Size([1, 10]), torch.Size([1, 10])]
    """

    def __init__(self, model: SequenceClassifier, batch: int = 1) -> None:
        if not model.body.causal:
            ahead = model.body.lookahead
            raise UsageError(
                f"Streamer: the model reads {'all' if ahead is None else ahead} later frames and "
                "cannot run frame by frame; train the preset causal or small, with a mixer that "
                "streams."
            )
        self.model = fold(model)
        self._shape = (batch, model.features)
        _refuse_odd_weights(self.model)
        # Of the weights as given: folding may round differently on another machine.
        self.weights_digest = digest_of_tensors(model.state_dict())
        weight = self.model.head.weight
        self._dtype, self._device = weight.dtype, weight.device
        plain = weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.float64)
        alone = plain and batch == 1
        self._steps: Steps = Kernels(self.model) if alone else Modules(self.model, batch)
        self.frames = 0

    @property
    def state(self) -> State:
        """The state after the frames so far, a value; give it to `restore` of another streamer."""
        return self._steps.state

    def restore(self, state: State) -> None:
        """Goes on from a state of the same model and batch."""
        self._steps.restore(state)
        count = state[-1]
        assert isinstance(count, Tensor)
        self.frames = int(count)

    @torch.inference_mode()
    def push(self, frame: Tensor) -> Tensor:
        """The task's answer after one more frame (batch, c) of any dtype, from any device.

        Returns:
            (batch, classes), probabilities; or (batch, k), numbers in the units of the targets.

        Raises:
            ShapeError: a frame of another shape.
            DataError: frames, or a state, of which the answer is not finite.
        """
        if not isinstance(frame, Tensor) or frame.shape != self._shape:
            found = tuple(frame.shape) if isinstance(frame, Tensor) else type(frame).__name__
            raise ShapeError(f"Streamer: expects a frame of shape {self._shape}; got {found}.")
        # Kernels change their state in place; the modules' own step leaves the one before.
        before = None if isinstance(self._steps, Kernels) else self._steps.state
        if before is None:
            self._refuse_nonfinite(frame)
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self._steps(frame.detach().to(self._device, self._dtype))
        if not bool(torch.isfinite(logits).all()):
            if before is not None:
                self._steps.restore(before)
            self._refuse_nonfinite(frame)
            raise DataError(
                f"Streamer: frame {self.frames + 1} leads to numbers beyond {self._dtype}; scale "
                "the frames as those of the training, or start from another state."
            )
        self.frames += 1
        return self.model.task.answer(logits)

    def _refuse_nonfinite(self, frame: Tensor) -> None:
        if not bool(torch.isfinite(frame).all()):
            raise DataError(
                f"Streamer: frame {self.frames + 1} holds numbers that are not finite; leave it "
                "out, the stream can go on with the next one."
            )

    def reset(self) -> None:
        """Forgets all frames."""
        self.restore(self.model.init_state(self._shape[0]))

    def save(self, path: Path | str) -> None:
        """Writes the state, from which `load` goes on with the same answers.

        Raises:
            RunError: the disk refused.
        """
        from safetensors.torch import save_file

        tensors = {
            name: tensor.contiguous().clone() for name, tensor in flatten(self.state).items()
        }
        with atomic(Path(path)) as temporary:
            save_file(tensors, temporary, {WEIGHTS_DIGEST: self.weights_digest})

    def load(self, path: Path | str) -> None:
        """Goes on from a saved state of the same model, weights included.

        Raises:
            DataError: no such file, numbers that are not finite, or the state of other weights.
        """
        like = flatten(self.model.init_state(self._shape[0]))
        try:
            tensors, texts = read_tensors(Path(path))
        except DataError as error:
            raise DataError(
                f"Streamer: {path} is not a saved stream state; name a file that `save` or "
                f"--save-state wrote: {error}"
            ) from error
        odd = sorted({*like} ^ {*tensors}) or [
            place for place, tensor in like.items() if not _fits(tensors[place], tensor)
        ]
        if odd or texts.get(WEIGHTS_DIGEST) != self.weights_digest:
            where = f"it differs at {odd[0]}" if odd else "its weights have another digest"
            raise DataError(
                f"Streamer: {path} holds the state of another model or batch ({where}); "
                "use the run it came from."
            )
        count = tensors["2"]
        if not 0 <= float(count) < 2**53 or float(count) % 1:
            raise DataError(f"Streamer: {path} counts {float(count):g} frames; save it again.")
        self.restore(_rebuilt(tensors, self.state))


def _refuse_odd_weights(model: SequenceClassifier) -> None:
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DataError(
                f"Streamer: the weights {name} hold numbers that are not finite, from which no "
                "probability can be computed; train the model again."
            )


class Steps(Protocol):
    """A folded model taken one frame further by each call."""

    @property
    def state(self) -> State:
        """The state after the frames so far, as `SequenceClassifier.step` returns it."""

    def restore(self, state: State) -> None:
        """Goes on from a state."""

    def __call__(self, frame: Tensor) -> Tensor:
        """Logits (batch, classes) after one more frame (batch, c)."""


class Modules:
    """Steps by the model itself: any device, dtype and number of streams."""

    def __init__(self, model: SequenceClassifier, batch: int) -> None:
        self._model = model
        self.state = model.init_state(batch)

    def restore(self, state: State) -> None:
        self.state = state

    def __call__(self, frame: Tensor) -> Tensor:
        logits, self.state = self._model.step(frame, self.state)
        return logits


class Kernels:
    """Steps by kernels: one stream on a CPU, several times as fast."""

    def __init__(self, model: SequenceClassifier) -> None:
        self._body, self._head = kernel(model.body), kernel(model.head)
        self._pooling = model.pooling
        self._pooled = np.zeros(model.head.in_features, model.head.weight.detach().numpy().dtype)
        self._count = 0

    @property
    def state(self) -> State:
        pooled = torch.from_numpy(self._pooled.copy())
        return self._body.state, pooled.unsqueeze(0), pooled.new_tensor(self._count)

    def restore(self, state: State) -> None:
        body, pooled, count = state
        assert isinstance(body, tuple)
        assert isinstance(pooled, Tensor)
        assert isinstance(count, Tensor)
        self._body.restore(body)
        self._pooled[:] = pooled.numpy()[0]
        self._count = int(count)

    def __call__(self, frame: Tensor) -> Tensor:
        token = self._body(frame.numpy()[0])
        self._count += 1
        self._pooled += self._pooling.share(self._count) * (token - self._pooled)
        return torch.from_numpy(self._head(self._pooled).copy()).unsqueeze(0)


def flatten(state: State) -> dict[str, Tensor]:
    """The tensors of a state by their place in it, such as "0.2.1"; empty parts leave no trace."""
    return {_place(name): tensor for name, tensor in pack(state)[0].items()}


def _place(name: str) -> str:
    """The place in a state that `pack` calls "/0/2/1"."""
    return name.removeprefix("/").replace("/", ".")


def _fits(tensor: Tensor, like: Tensor) -> bool:
    """Whether a tensor has a shape; an axis of length 0 there is that of a cache that grows."""
    return tensor.dim() == like.dim() and all(
        size == wanted or wanted == 0 for size, wanted in zip(tensor.shape, like.shape, strict=True)
    )


def _rebuilt(tensors: dict[str, Tensor], like: State) -> State:
    """The state of some tensors by their places, as parts of another one are."""
    names, plain = pack(like)
    return _placed(unpack({name: tensors[_place(name)] for name in names}, plain), like)


def _placed(found: Any, like: State) -> State:
    """Nested lists as nested tuples, tensors in the dtype and on the device of others."""
    return tuple(
        part.to(wanted) if isinstance(wanted, Tensor) else _placed(part, wanted)
        for part, wanted in zip(found, like, strict=True)
    )


@torch.inference_mode()
def early_exit_curve(
    model: SequenceClassifier, inputs: Tensor, labels: Tensor, batch: int = 250
) -> Tensor:
    """Accuracy after each frame, from the model run frame by frame.

    Args:
        model: causal.
        inputs: (N, n, c).
        labels: (N,).
        batch: streams at once.

    Returns:
        (n,), float64.
    """
    # On the device of the model: no count is waited for before the end.
    correct = torch.zeros(inputs.shape[1], dtype=torch.int64, device=model.head.weight.device)
    for part, truth in zip(torch.split(inputs, batch), torch.split(labels, batch), strict=True):
        streamer = Streamer(model, len(part))
        for t, frame in enumerate(part.unbind(1)):
            correct[t] += (streamer.push(frame).argmax(1) == truth).sum()
    return correct.cpu().double() / len(inputs)


def frames_needed(curve: Tensor, share: float = 0.99) -> int:
    """Frames after which the accuracy stays at or above a share of the final one."""
    below = (curve < share * curve[-1]).nonzero()
    return int(below[-1]) + 2 if len(below) else 1

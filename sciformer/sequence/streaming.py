"""Running a classifier one frame at a time, in constant memory, with a state that can be kept."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from sciformer.errors import DataError, ShapeError, UsageError
from sciformer.mixers.protocol import State
from sciformer.sequence.folding import fold
from sciformer.sequence.model import SequenceClassifier


class Streamer:
    """A classifier that takes frames one by one and says what it thinks after each.

    Args:
        model: whose body is causal; it is folded, the given one stays as it is.
        batch: parallel streams.

    Raises:
        UsageError: the model reads later frames.

    Cost: memory and time a frame do not grow with the stream (with an attention mixer they do).
    """

    def __init__(self, model: SequenceClassifier, batch: int = 1) -> None:
        if not model.body.causal:
            raise UsageError(
                f"Streamer: the model reads {model.body.lookahead} later frames and cannot run "
                "frame by frame; train one of the preset causal or small."
            )
        self.model = fold(model)
        self.batch = batch
        self.frames = 0
        self._state = self.model.init_state(batch)

    @property
    def state(self) -> State:
        """What the frames so far left behind; give it to `restore` of another streamer."""
        return self._state

    @torch.inference_mode()
    def push(self, frame: Tensor) -> Tensor:
        """Class probabilities (batch, classes) after one more frame (batch, c)."""
        if frame.dim() != 2 or len(frame) != self.batch:
            raise ShapeError(
                f"Streamer: wants a frame of shape ({self.batch}, features); "
                f"got {tuple(frame.shape)}."
            )
        logits, self._state = self.model.step(frame, self._state)
        self.frames += 1
        return logits.softmax(-1)

    def reset(self) -> None:
        """Forgets all frames."""
        self.frames, self._state = 0, self.model.init_state(self.batch)

    def save(self, path: Path) -> None:
        """Writes the state, from which `load` goes on with the same answers."""
        from safetensors.torch import save_file

        tensors = {
            name: tensor.contiguous().clone() for name, tensor in flatten(self._state).items()
        }
        save_file(tensors, path, {"frames": str(self.frames)})

    def load(self, path: Path) -> None:
        """Goes on from a saved state of the same model.

        Raises:
            DataError: no such file, or the state of another model.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                frames = int(file.metadata()["frames"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"Streamer: {path} is not a saved stream state ({error}); "
                "name a file that `save` or --save-state wrote."
            ) from error
        self._state = _checked(tensors, self._state, path)
        self.frames = frames


def flatten(state: State, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a state by their place in it, such as "0.2.1"; empty parts leave no trace."""
    flat: dict[str, Tensor] = {}
    for index, part in enumerate(state):
        place = f"{prefix}{index}"
        if isinstance(part, Tensor):
            flat[place] = part
        else:
            flat |= flatten(part, f"{place}.")
    return flat


def _checked(tensors: dict[str, Tensor], like: State, path: Path) -> State:
    """The state with the places of `like`, whose tensors must have their shapes."""
    odd = sorted({*flatten(like)} ^ {*tensors}) or [
        place for place, tensor in flatten(like).items() if tensors[place].shape != tensor.shape
    ]
    if odd:
        raise DataError(
            f"Streamer: {path} holds the state of another model or batch (it differs at "
            f"{odd[0]}); use the run it came from."
        )
    return _rebuilt(tensors, like)


def _rebuilt(tensors: dict[str, Tensor], like: State, prefix: str = "") -> State:
    return tuple(
        tensors[f"{prefix}{index}"].to(part)
        if isinstance(part, Tensor)
        else _rebuilt(tensors, part, f"{prefix}{index}.")
        for index, part in enumerate(like)
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
    correct = torch.zeros(inputs.shape[1], dtype=torch.float64)
    for part, truth in zip(torch.split(inputs, batch), torch.split(labels, batch), strict=True):
        streamer = Streamer(model, len(part))
        for t, frame in enumerate(part.unbind(1)):
            correct[t] += float((streamer.push(frame).argmax(1) == truth).sum())
    return correct / len(inputs)


def frames_needed(curve: Tensor, share: float = 0.99) -> int:
    """Frames after which the accuracy stays at or above a share of the final one."""
    below = (curve < share * curve[-1]).nonzero()
    return int(below[-1]) + 2 if len(below) else 1

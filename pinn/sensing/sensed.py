"""A flow that is reconstructed from its sensors: fields at any point, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError, ShapeError
from sciformer.runs.files import atomic
from sciformer.runs.reading import digest_of_tensors, read_tensors
from sciformer.runs.state import pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.sensing.baselines import Setup
    from pinn.sensing.filter import FilterState, SensorFilter
    from pinn.sensing.record import Readings

    Array = NDArray[np.float64]

DIGEST = "weights_sha256"  # in the header of a saved state
LOUD = 2.0
"""Times the noisiest readings trained on, above which what the modes leave is another flow."""


class SensedFlow:
    """A flow that answers from its sensors: `stream(points)` takes frames, a call whole records.

    Args:
        setup: modes and sensors.
        network: the filter.
        about: how it was learned, as JSON values.
    """

    def __init__(self, setup: Setup, network: SensorFilter, about: Mapping[str, Any]) -> None:
        self.setup, self.network, self.about = setup, network, dict(about)
        mean, _ = setup.seen()
        self.mean = torch.from_numpy(mean)
        self.sizes = torch.from_numpy(setup.modes.sizes.copy())
        network.eval()
        network.requires_grad_(False)

    def __repr__(self) -> str:
        names = ", ".join(self.setup.modes.names)
        return (
            f"SensedFlow({names} from {len(self.setup.sensors)} sensors, "
            f"{self.network.sizes.mixer}, {self.parameter_count} parameters)"
        )

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.network.parameters())

    @property
    def places(self) -> Array:
        """Places of the sensors (m, 2), in the order in which a frame holds them."""
        return self.setup.modes.points[self.setup.sensors]

    def __call__(self, readings: Readings) -> Array:
        """Coefficients of the modes after each frame, (n, r), each from the frames up to it."""
        values, present = self.setup.rows(readings)
        with torch.inference_mode():
            rest = torch.from_numpy(values) - self.mean
            found, _, _ = self.network(rest[None], torch.from_numpy(present)[None])
            coefficients: Array = (found[0] * self.sizes).numpy()
            return coefficients

    def stream(self, points: Array | None = None) -> FlowStream:
        """Begins a stream with answers at some points (q, 2), by default those of the record.

        Raises:
            DomainError: points outside of the record.
        """
        modes = self.setup.modes
        return FlowStream(self, modes.points if points is None else np.asarray(points))


class FlowStream:
    """Fields at fixed points after each frame of readings, in constant memory.

    Args:
        sensed: what was learned.
        points: (q, 2).

    Attributes:
        frames: pushed so far.
        noise: of the readings as the stream found it, in standard deviations of u and v.
        doubts: what speaks against trusting the last answer, one half-sentence each.

    Cost: time and memory a frame do not grow with the stream, except with a mixer that attends to
        all frames.
    """

    def __init__(self, sensed: SensedFlow, points: Array) -> None:
        self._sensed = sensed
        mean, modes = sensed.setup.modes.at(points)
        self.points = points
        self._mean = torch.from_numpy(mean)
        self._modes = torch.from_numpy(modes * sensed.setup.modes.sizes)
        self._state = sensed.network.init_state(1)
        self.weights_digest = digest_of_tensors(sensed.network.state_dict())
        self.frames, self.noise = 0, 0.0
        self.doubts: tuple[str, ...] = ()

    @property
    def state(self) -> FilterState:
        """The state after the frames so far, a value."""
        return self._state

    @torch.inference_mode()
    def push(self, frame: Any) -> dict[str, Array]:
        """The fields after one more frame.

        Args:
            frame: u and v of each sensor, (m, 2); nan where a sensor is silent.

        Returns:
            {"u": (q,), "v": (q,), "p": (q,)}, without p where the record had none.

        Raises:
            ShapeError: a frame of another shape.
            DataError: infinite readings, or such that their squares are.
        """
        setup = self._sensed.setup
        values = np.asarray(frame, dtype=np.float64)
        if values.shape != (len(setup.sensors), 2):
            raise ShapeError(
                f"FlowStream: expects u and v of each sensor, {(len(setup.sensors), 2)}; got "
                f"{values.shape}."
            )
        rest = (torch.from_numpy(values / setup.modes.reading_size).flatten() - self._sensed.mean)[
            None
        ]
        present = ~torch.isnan(rest)
        if not bool((rest.abs() < 1e100).logical_or(~present).all()):
            raise DataError(
                f"FlowStream: frame {self.frames + 1} holds readings that are infinite or nearly; "
                "give nan for a sensor that is silent."
            )
        found, sigma, self._state = self._sensed.network.step(rest, present, self._state)
        self.frames += 1
        self.noise = float(sigma)
        self.doubts = tuple(self._doubts(present))
        fields = self._mean + self._modes @ found[0]
        return dict(zip(setup.modes.names, fields.numpy(), strict=True))

    def _doubts(self, present: Tensor) -> list[str]:
        trained = float(self._sensed.about["schedule"]["noisiest"])
        share = float(present.double().mean())
        found = []
        if self.noise > LOUD * trained:
            found.append(
                f"the readings fit the modes of the record only to {self.noise:.0%} of their size, "
                f"and noise of at most {trained:.0%} was trained on: a sensor is wrong, or this is "
                "another flow"
            )
        if share < 0.5:
            found.append(f"only {share:.0%} of the readings are there, and the rest is forecast")
        return found

    def reset(self) -> None:
        """Forgets all frames."""
        self._state, self.frames = self._sensed.network.init_state(1), 0
        self.noise, self.doubts = 0.0, ()

    def save(self, path: Path | str) -> None:
        """Writes the state, from which `load` goes on with the same answers."""
        from safetensors.torch import save_file

        tensors, _ = pack(self._state)
        tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
        tensors["frames"] = torch.tensor(self.frames)
        with atomic(Path(path)) as temporary:
            save_file(tensors, temporary, {DIGEST: self.weights_digest})

    def load(self, path: Path | str) -> None:
        """Goes on from a saved state of the same network.

        Raises:
            DataError: no such file, or the state of another network.
        """
        tensors, texts = read_tensors(Path(path))
        like, plain = pack(self._sensed.network.init_state(1))
        wanted = {**like, "frames": torch.tensor(0)}
        fits = tensors.keys() == wanted.keys() and all(
            tensors[name].dtype == tensor.dtype and _fits(tensors[name], tensor)
            for name, tensor in wanted.items()
        )
        if not fits or texts.get(DIGEST) != self.weights_digest or int(tensors["frames"]) < 0:
            raise DataError(
                f"FlowStream: {path} holds no state of this run; use the run that it came from."
            )
        self.frames = int(tensors.pop("frames"))
        self._state = _tuples(unpack(tensors, plain))


def _fits(tensor: Tensor, like: Tensor) -> bool:
    """Whether the shapes agree; an axis of length 0 is that of a cache that grows."""
    return tensor.dim() == like.dim() and all(
        size == wanted or wanted == 0 for size, wanted in zip(tensor.shape, like.shape, strict=True)
    )


def _tuples(found: Any) -> Any:
    """Nested lists as nested tuples."""
    return tuple(map(_tuples, found)) if isinstance(found, list) else found

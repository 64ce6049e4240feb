"""Choice of a network by a short training of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pinn.networks.mlp import MLP
from pinn.networks.physicsformer import PhysicsFormer

if TYPE_CHECKING:
    from torch import nn

    from pinn.networks.protocol import NetworkInputs


@dataclass(frozen=True)
class Race:
    """Candidate networks, of which a solve keeps the one with the smallest validation residual.

    Until the race is run, as by `pinn.stages.race.decide`, it stands for its first candidate.

    Attributes:
        candidates: sizes of the networks and steps of Levenberg-Marquardt that each is given. A
            step of a PhysicsFormer takes about as long as two of an MLP of as many parameters.
    """

    candidates: ClassVar[tuple[tuple[MLP.Sizes | PhysicsFormer.Sizes, int], ...]] = (
        (MLP.Sizes(), 36),
        (PhysicsFormer.Sizes(), 18),
    )

    def build(self, inputs: NetworkInputs, fields: int) -> nn.Module:
        """The first candidate, freshly initialised from torch's random state."""
        return self.candidates[0][0].build(inputs, fields)

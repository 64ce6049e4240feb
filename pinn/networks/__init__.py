"""Networks from coordinates (p, c) to fields (p, f); jets of points give jets of fields."""

from pinn.networks.activations import Wavelet as Wavelet
from pinn.networks.mlp import MLP as MLP
from pinn.networks.physicsformer import PhysicsFormer as PhysicsFormer
from pinn.networks.protocol import NetworkInputs as NetworkInputs
from pinn.networks.race import Race as Race

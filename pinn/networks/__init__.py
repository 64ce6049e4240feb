"""Networks that map coordinates (p, c) to fields (p, f), and jets of the one to jets of the other."""

from pinn.networks.activations import Wavelet as Wavelet
from pinn.networks.mlp import MLP as MLP
from pinn.networks.physicsformer import PhysicsFormer as PhysicsFormer
from pinn.networks.rescale import Rescale as Rescale

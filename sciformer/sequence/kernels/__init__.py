"""The stages of a folded model for one stream on a CPU, as in-place products of numpy arrays.

At batch 1 a frame is a row of matrix-vector products that wait for their weights; what modules,
their dispatch and their temporary tensors add costs several times as much. A kernel is a stage
made ready: weights as arrays, buffers allocated once, its state inside.
"""

from __future__ import annotations

from sciformer.sequence.kernels import layers as layers
from sciformer.sequence.kernels import memories as memories
from sciformer.sequence.kernels.kernel import Kernel as Kernel
from sciformer.sequence.kernels.kernel import kernel as kernel

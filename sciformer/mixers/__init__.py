"""Token mixers behind one protocol: whole sequences in parallel, single steps, state as a value."""

from __future__ import annotations

from sciformer.mixers.attention import Attention as Attention
from sciformer.mixers.attention import WindowAttention as WindowAttention
from sciformer.mixers.convolution import CausalConvolution as CausalConvolution
from sciformer.mixers.convolution import Convolution as Convolution
from sciformer.mixers.convolution import WindowMap as WindowMap
from sciformer.mixers.latents import Latents as Latents
from sciformer.mixers.latents import Slices as Slices
from sciformer.mixers.legendre.evaluation import ChunkedScan as ChunkedScan
from sciformer.mixers.legendre.evaluation import Dense as Dense
from sciformer.mixers.legendre.evaluation import Evaluation as Evaluation
from sciformer.mixers.legendre.evaluation import FoldedFFT as FoldedFFT
from sciformer.mixers.legendre.evaluation import FoldedToeplitz as FoldedToeplitz
from sciformer.mixers.legendre.evaluation import PlainFFT as PlainFFT
from sciformer.mixers.legendre.legendre import LegendreMemory as LegendreMemory
from sciformer.mixers.legendre.legendre import decoder as decoder
from sciformer.mixers.legendre.lmu import LMU as LMU
from sciformer.mixers.legendre.lmu import TrainableLMU as TrainableLMU
from sciformer.mixers.legendre.lmu import Window as Window
from sciformer.mixers.linear import LinearAttention as LinearAttention
from sciformer.mixers.named import MixerSizes as MixerSizes
from sciformer.mixers.named import find_core as find_core
from sciformer.mixers.named import find_mixer as find_mixer
from sciformer.mixers.pipeline import Pipeline as Pipeline
from sciformer.mixers.pipeline import Residual as Residual
from sciformer.mixers.protocol import OpCount as OpCount
from sciformer.mixers.protocol import Parallel as Parallel
from sciformer.mixers.protocol import State as State
from sciformer.mixers.protocol import TokenMixer as TokenMixer
from sciformer.mixers.synapses import Synapses as Synapses

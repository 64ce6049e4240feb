"""Token mixers behind one protocol: whole sequences in parallel, single steps, state as a value."""

from __future__ import annotations

from sciformer.mixers.attention import Attention as Attention
from sciformer.mixers.convolution import CausalConvolution as CausalConvolution
from sciformer.mixers.convolution import Convolution as Convolution
from sciformer.mixers.evaluation import ChunkedScan as ChunkedScan
from sciformer.mixers.evaluation import Dense as Dense
from sciformer.mixers.evaluation import Evaluation as Evaluation
from sciformer.mixers.evaluation import FoldedFFT as FoldedFFT
from sciformer.mixers.evaluation import FoldedToeplitz as FoldedToeplitz
from sciformer.mixers.evaluation import PlainFFT as PlainFFT
from sciformer.mixers.legendre import LegendreMemory as LegendreMemory
from sciformer.mixers.legendre import decoder as decoder
from sciformer.mixers.lmu import LMU as LMU
from sciformer.mixers.lmu import TrainableLMU as TrainableLMU
from sciformer.mixers.lmu import Window as Window
from sciformer.mixers.pipeline import Pipeline as Pipeline
from sciformer.mixers.pipeline import Residual as Residual
from sciformer.mixers.protocol import OpCount as OpCount
from sciformer.mixers.protocol import Parallel as Parallel
from sciformer.mixers.protocol import State as State
from sciformer.mixers.protocol import TokenMixer as TokenMixer

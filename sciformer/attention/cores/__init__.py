"""Attention cores: ways to compute what `attend` promises, behind one protocol."""

from __future__ import annotations

from sciformer.attention.cores.automatic import Automatic as Automatic
from sciformer.attention.cores.cells import Cells as Cells
from sciformer.attention.cores.core import Core as Core
from sciformer.attention.cores.flex import Flex as Flex
from sciformer.attention.cores.fused import Fused as Fused
from sciformer.attention.cores.fused_log_sum_exp import FusedLogSumExp as FusedLogSumExp
from sciformer.attention.cores.materialised import Materialised as Materialised
from sciformer.attention.cores.regions import ExactMass as ExactMass
from sciformer.attention.cores.regions import LearnedMass as LearnedMass
from sciformer.attention.cores.regions import Regions as Regions
from sciformer.attention.cores.row_blocks import RowBlocks as RowBlocks
from sciformer.attention.cores.split_keys import SplitKeys as SplitKeys
from sciformer.attention.cores.toeplitz_rows import ToeplitzRows as ToeplitzRows
from sciformer.attention.cores.variable_length import VariableLength as VariableLength

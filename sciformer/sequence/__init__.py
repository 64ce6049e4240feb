"""Sequence models on Legendre memories: training in parallel, streaming one frame at a time."""

from __future__ import annotations

from sciformer.sequence.folding import fold as fold
from sciformer.sequence.model import Architecture as Architecture
from sciformer.sequence.model import LMUFormer as LMUFormer
from sciformer.sequence.model import SequenceClassifier as SequenceClassifier
from sciformer.sequence.model import SpikingLMUFormer as SpikingLMUFormer
from sciformer.sequence.presets import make_model as make_model

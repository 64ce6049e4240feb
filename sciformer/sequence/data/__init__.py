"""Sequence data sets: generated, from packages, or from a directory of the user."""

from __future__ import annotations

from sciformer.sequence.data.dataset import SequenceData as SequenceData
from sciformer.sequence.data.dataset import Split as Split
from sciformer.sequence.data.sources import DATASETS as DATASETS
from sciformer.sequence.data.sources import load_data as load_data

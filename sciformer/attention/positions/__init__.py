"""Position schemes as objects."""

from __future__ import annotations

from sciformer.attention.positions.absolute import LearnedAbsolute as LearnedAbsolute
from sciformer.attention.positions.absolute import Sinusoidal as Sinusoidal
from sciformer.attention.positions.base import NoPosition as NoPosition
from sciformer.attention.positions.base import Position as Position
from sciformer.attention.positions.relative import ALiBi as ALiBi
from sciformer.attention.positions.relative import RelativeTable as RelativeTable
from sciformer.attention.positions.relative import T5Buckets as T5Buckets
from sciformer.attention.positions.rotary import Rotary as Rotary
from sciformer.attention.positions.shaw import ShawKey as ShawKey
from sciformer.attention.positions.shaw import ShawKeyValue as ShawKeyValue
from sciformer.attention.positions.universal import Universal as Universal

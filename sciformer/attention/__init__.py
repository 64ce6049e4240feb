"""The attention core: plain torch, knows nothing of equations, memories or theorems."""

from __future__ import annotations

from sciformer.attention.attend import attend as attend
from sciformer.attention.certified import Certified as Certified
from sciformer.attention.certified import certified_attend as certified_attend
from sciformer.attention.cores import Core as Core
from sciformer.attention.influence import influences as influences
from sciformer.attention.masks import Additive as Additive
from sciformer.attention.masks import Boolean as Boolean
from sciformer.attention.masks import Causal as Causal
from sciformer.attention.masks import Mask as Mask
from sciformer.attention.masks import Mass as Mass
from sciformer.attention.masks import Padding as Padding
from sciformer.attention.masks import Window as Window
from sciformer.attention.multihead import MultiheadAttention as MultiheadAttention
from sciformer.attention.normalisers import Normaliser as Normaliser
from sciformer.attention.normalisers import Sigmoid as Sigmoid
from sciformer.attention.normalisers import Softmax as Softmax
from sciformer.attention.normalisers import SoftmaxPlusOne as SoftmaxPlusOne
from sciformer.attention.order import Order as Order
from sciformer.attention.order import kd_order as kd_order
from sciformer.attention.parts import Part as Part
from sciformer.attention.parts import merge as merge
from sciformer.attention.parts import merge_shared as merge_shared
from sciformer.attention.parts import part as part
from sciformer.attention.patch import Patch as Patch
from sciformer.attention.positions import ALiBi as ALiBi
from sciformer.attention.positions import LearnedAbsolute as LearnedAbsolute
from sciformer.attention.positions import NoPosition as NoPosition
from sciformer.attention.positions import Position as Position
from sciformer.attention.positions import RelativeTable as RelativeTable
from sciformer.attention.positions import Rotary as Rotary
from sciformer.attention.positions import ShawKey as ShawKey
from sciformer.attention.positions import ShawKeyValue as ShawKeyValue
from sciformer.attention.positions import Sinusoidal as Sinusoidal
from sciformer.attention.positions import T5Buckets as T5Buckets
from sciformer.attention.positions import Universal as Universal
from sciformer.attention.ragged import Ragged as Ragged
from sciformer.attention.ragged import attend_ragged as attend_ragged
from sciformer.attention.scoring import Scoring as Scoring
from sciformer.attention.toeplitz import toeplitz as toeplitz

"""Derivative rules of torch functions; importing this package registers them all."""

from __future__ import annotations

from pinn.jets.rules import arithmetic as arithmetic
from pinn.jets.rules import linear as linear
from pinn.jets.rules import powers as powers
from pinn.jets.rules import shape as shape

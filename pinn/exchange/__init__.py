"""Solutions in other programs' formats: arrays, meshes, films, and networks without Python."""

from __future__ import annotations

from pinn.exchange.formats import FORMATS as FORMATS
from pinn.exchange.formats import Format as Format

"""The array type of `theory.universal`, in a module that everyone may import."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""A numpy array of float64."""

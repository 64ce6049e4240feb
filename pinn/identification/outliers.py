"""Samples that a fit misses by far more than the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pinn.data.cloud import Cloud

    Array = NDArray[np.float64]

# Of Gaussian noise one sample in 5e8 is six standard deviations off; the median of ten or more
# misfits tells the deviation to a third.
FAR, FEWEST = 6.0, 10
DEVIATION = 1.4826  # of Gaussian noise, over the median of its size


def outliers(cloud: Cloud, fitted: Mapping[str, Array]) -> list[str]:
    """Remarks on samples that stand apart and make up most of what the fit misses.

    Intervals count them as noise, and are as wide as the noise is large.

    Args:
        cloud: the samples.
        fitted: value of each of its quantities at its points.
    """
    said = []
    for name, values in cloud.values.items():
        gaps = (values - fitted[name]) / np.asarray(cloud.noise.get(name, 1.0))
        gaps = gaps - np.median(gaps)
        far = np.abs(gaps) > FAR * DEVIATION * np.median(np.abs(gaps))
        if len(gaps) < FEWEST or not far.any() or (gaps[far] ** 2).sum() < (gaps**2).sum() / 2:
            continue
        first = ", ".join(f"{x:.4g}" for x in cloud.points[int(np.argmax(np.abs(gaps)))])
        said.append(
            f"{int(far.sum())} of {len(gaps)} samples of {name} lie {FAR:g} or more times as far "
            f"from the fit as is usual among them, the farthest at ({first}), and make up most of "
            "its misfit and of the intervals; check them, or give sigma where noise varies."
        )
    return said

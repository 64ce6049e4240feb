"""The floating-point formats in which a layer may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sciformer.errors import unknown_name


@dataclass(frozen=True)
class Arithmetic:
    """One IEEE 754 format, rounding to nearest; results below the normal range may become 0.

    Args:
        name: what torch and a certificate call it.
        unit: u, the relative error of one rounding in the normal range.
        tiny: the smallest normal number; what one result loses below it is at most this.
        largest: the largest finite number.
        foreign: relative size below which a slope outside a block's coordinates is taken for the
            rounding of the weights; it is counted in full, so that this decides only about cost.
    """

    name: str
    unit: float
    tiny: float
    largest: float
    foreign: float

    def gamma(self, operations: int) -> float:
        """Higham's k u / (1 - k u), rounded up; infinite where k u is not small.

        1 / (1 - k u) <= 1 + 2 k u for k u <= 1/2; two more roundings are those of this line.
        """
        product = operations * self.unit
        return product * (1.0 + 2.0 * product + 2.0**-50) if product <= 0.5 else float("inf")


FLOAT64 = Arithmetic("float64", 2.0**-53, 2.0**-1022, 1.7976931348623157e308, 1e-9)
FLOAT32 = Arithmetic("float32", 2.0**-24, 2.0**-126, 3.4028234663852886e38, 6e-5)
ARITHMETICS: Mapping[str, Arithmetic] = {a.name: a for a in (FLOAT64, FLOAT32)}


def arithmetic_of(name: str) -> Arithmetic:
    """The format of this name.

    Raises:
        UnknownNameError: neither float64 nor float32.
    """
    if name not in ARITHMETICS:
        raise unknown_name("compile", "precision", name, ARITHMETICS)
    return ARITHMETICS[name]

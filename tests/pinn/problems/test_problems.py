"""The problems of the package under the contract; parameters are unlike 1 and each other."""

from __future__ import annotations

from typing import ClassVar

import pytest

from pinn.problems.allen_cahn import allen_cahn
from pinn.problems.channel import channel
from pinn.problems.exact_flows import kovasznay, taylor_green_3d
from pinn.problems.heat import heat
from pinn.problems.kdv import kdv
from pinn.problems.wave import wave
from sciformer.errors import DomainError
from tests.contracts.problems import ProblemContract, registered


class TestBurgers(ProblemContract):
    name = "burgers"
    parameters: ClassVar = {"viscosity": 0.07}
    is_exact = False
    step = 0.01
    tolerance = 1e-5


class TestConvection(ProblemContract):
    name = "convection"
    parameters: ClassVar = {"beta": 7.3}
    tolerance = 1e-5


class TestReaction(ProblemContract):
    name = "reaction"
    parameters: ClassVar = {"rho": 3.7}


class TestWave(ProblemContract):
    name = "wave"
    parameters: ClassVar = {"squared_speed": 2.3}
    tolerance = 1e-5


class TestHeat(ProblemContract):
    name = "heat"
    parameters: ClassVar = {"diffusivity": 0.13}


class TestPoisson(ProblemContract):
    name = "poisson"


class TestHelmholtz(ProblemContract):
    name = "helmholtz"
    parameters: ClassVar = {"wavenumber": 4.7, "waves_x": 2.0, "waves_y": 3.0}
    in_source: ClassVar = {"k"}
    tolerance = 1e-5


class TestKovasznay(ProblemContract):
    name = "kovasznay"
    parameters: ClassVar = {"reynolds": 23.0}
    tolerance = 1e-5


class TestTaylorGreen(ProblemContract):
    name = "taylor-green"
    parameters: ClassVar = {"viscosity": 0.37}


class TestTaylorGreen3D(ProblemContract):
    name = "taylor-green-3d"
    parameters: ClassVar = {"reynolds": 13.0}
    is_exact = False
    iterations = 2
    # The reference is that good, see `pinn.references.taylor_green`.
    tolerance = 1e-5


class TestEthierSteinman(ProblemContract):
    name = "ethier-steinman"
    parameters: ClassVar = {"viscosity": 0.43}
    iterations = 2


class TestAllenCahn(ProblemContract):
    name = "allen-cahn"
    parameters: ClassVar = {"diffusivity": 0.013, "rate": 2.3}
    is_exact = False
    # The start has a kink at the ends, which its Fourier series rounds off.
    tolerance = 1e-4


class TestKdV(ProblemContract):
    name = "kdv"
    parameters: ClassVar = {"lambda_1": 0.7, "lambda_2": 0.019}
    is_exact = False
    tolerance = 1e-5


def test_every_registered_problem_is_under_the_contract() -> None:
    """Kills: a problem that is registered and not held to the laws."""
    held = {contract.name for contract in ProblemContract.__subclasses__()}
    assert registered() - held <= {"cavity", "channel", "cylinder-wake"}  # see test_flows


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: wave(0.0), "wave: squared_speed must be > 0"),
        (lambda: heat(-0.1), "heat: diffusivity must be > 0"),
        (lambda: channel(-1.0), "channel: reynolds must be > 0; got -1"),
        (lambda: taylor_green_3d(101.0), r"taylor-green-3d: reynolds must lie in \(0, 100\]"),
        (lambda: kovasznay(0.0), "kovasznay: reynolds must be > 0"),
        (lambda: allen_cahn(9e-6), "allen-cahn: diffusivity must be >= 1e-5"),
        (lambda: kdv(lambda_2=9e-4), "kdv: lambda_2 must be >= 1e-3"),
    ],
)
def test_parameters_without_a_solution_are_refused(make: object, sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        make()  # type: ignore[operator]

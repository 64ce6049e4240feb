"""Certificates hold, and those that do not are refused by the verifier."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
import torch

import pinn
from pinn.bounds.error_bound import Kind
from pinn.bounds.normal_form import normal_form
from pinn.bounds.samples import Sampler
from pinn.certificates.certify import certify
from pinn.certificates.claim import CLAIM, Claim, read, write
from pinn.certificates.claiming import claim_of
from pinn.certificates.proving import prove_error
from pinn.certificates.verifier import verify as verifier
from pinn.certificates.verifier.verify import verify_solution
from pinn.networks import MLP
from pinn.problem.registry import find_problem
from pinn.refinement.refine import Refiner
from pinn.solution import Solution
from sciformer.errors import CertificateError, DataError, UsageError
from tests.pinn.certificates.claims import claim_with_wide_layer, problem_of, residual_of, trial_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def solution() -> Solution:
    """Heat by a small network after a few steps."""
    solved = pinn.solve(
        find_problem("heat", {}),
        iterations=25,
        network=MLP.Sizes(width=8, layers=2),
        digits=None,
        progress=False,
    )
    return solved.solution


@pytest.fixture(scope="module")
def directory(solution: Solution, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("heat") / "certificate"
    prove_error(solution.problem, solution.trial, 0.05, path)
    return path


def true_l1(solution: Solution) -> float:
    """The largest L1 error at any of 41 times, by the exact solution."""
    places = np.linspace(0, 1, 801)
    worst = 0.0
    for time in np.linspace(0, 1, 41):
        points = np.stack([places, np.full_like(places, time)], -1)
        assert solution.problem.reference is not None
        gap = np.abs(solution(points)["u"] - solution.problem.reference(points)["u"])
        worst = max(worst, float(np.trapezoid(gap, places)))
    return worst


def sum_of_residual(solution: Solution) -> float:
    """The integral of |r| over the domain, by a sum over 256 x 256 cells."""
    sampler = Sampler(solution.problem, solution.trial, normal_form(solution.problem))
    samples = sampler.uniform(256)
    return float(samples.norm(samples.residual, 1.0) @ samples.steps)


def test_a_proven_bound_lies_above_the_error_and_near_the_estimate(solution: Solution) -> None:
    bound = prove_error(solution.problem, solution.trial, 1e-3)
    estimate = sum_of_residual(solution)
    assert bound.kind is Kind.PROVEN
    assert true_l1(solution) <= bound.bound
    # Cauchy and Schwarz on each box, and a share of the tolerance, are all that is lost.
    assert 0.9 * estimate <= bound.bound <= 1.5 * estimate + 2e-4


def test_the_verifier_confirms_what_was_proven(solution: Solution, directory: Path) -> None:
    found = verify_solution(directory)
    assert found.derived <= found.bound
    assert found.derived == pytest.approx(found.bound, rel=1e-6)
    assert found.in_float64 == pytest.approx(found.bound, rel=1e-6)
    assert "1/20 u_xx" in found.equation
    assert true_l1(solution) <= found.bound


def lower_bound(claim: Claim) -> dict[str, Any]:
    return {"bound": claim.bound * (1 - 1e-6)}


def lower_rounding(claim: Claim) -> dict[str, Any]:
    return {"rounding": claim.rounding * 0.99}


def other_weight(claim: Claim) -> dict[str, Any]:
    weights = [w.copy() for w in claim.weights]
    weights[1][2, 3] += 0.01
    return {"weights": tuple(weights)}


def other_diffusion(claim: Claim) -> dict[str, Any]:
    return {"diffusion": claim.diffusion * 2}


def negative_diffusion(claim: Claim) -> dict[str, Any]:
    return {"diffusion": -claim.diffusion}


def other_start(claim: Claim) -> dict[str, Any]:
    return {"start": ["mul", "2/1", claim.start]}


def other_wall(claim: Claim) -> dict[str, Any]:
    return {"walls": (claim.walls[0], "1/1000")}


def other_factor(claim: Claim) -> dict[str, Any]:
    return {"factor": ["add", claim.factor, "1/1000"]}


def other_source(claim: Claim) -> dict[str, Any]:
    return {"source": "1/10"}


def longer_domain(claim: Claim) -> dict[str, Any]:
    return {"high": (claim.high[0], claim.high[1] * 2)}


def fewer_points(claim: Claim) -> dict[str, Any]:
    return {"orders": np.full_like(claim.orders, 2)}


def wider_ellipses(claim: Claim) -> dict[str, Any]:
    return {"ellipses": np.full_like(claim.ellipses, 60)}


def cut_tree(claim: Claim) -> dict[str, Any]:
    last = int(np.flatnonzero(claim.codes == 0)[-1])
    codes = np.delete(claim.codes, last)
    return {"codes": codes, "orders": claim.orders[:-1], "ellipses": claim.ellipses[:-1]}


def whole_domain_as_one_box(claim: Claim) -> dict[str, Any]:
    return {
        "codes": np.zeros(1, np.int64),
        "orders": claim.orders[:1],
        "ellipses": claim.ellipses[:1],
    }


def unknown_code(claim: Claim) -> dict[str, Any]:
    return {"codes": np.where(claim.codes == 1, 3, claim.codes)}


FORGERIES = (
    lower_bound,
    lower_rounding,
    other_weight,
    other_diffusion,
    negative_diffusion,
    other_start,
    other_wall,
    other_factor,
    other_source,
    longer_domain,
    fewer_points,
    wider_ellipses,
    cut_tree,
    whole_domain_as_one_box,
    unknown_code,
)


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda f: f.__name__)
def test_a_forged_certificate_is_refused(
    forge: Callable[[Claim], dict[str, Any]], directory: Path, tmp_path: Path
) -> None:
    claim = read(directory)
    write(dataclasses.replace(claim, **forge(claim)), tmp_path)
    with pytest.raises(CertificateError):
        verify_solution(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"low": ["0/1"]},
        {"low": ["1/1", "0/1"]},
        {"bound": "inf"},
        {"bound": "nan"},
        {"layers": 99},
        {"layers": "3"},
        {"diffusion": "1/0"},
        {"offset": ["__import__", "os"]},
        {"offset": ["pow", "x", 1000]},
        {"offset": "y"},
        {"walls": ["0/1"]},
        {"flux": []},
        {"wide": [[7]]},
    ],
    ids=lambda change: str(change)[:30],
)
def test_damaged_files_are_refused_in_a_sentence(
    change: dict[str, Any], directory: Path, tmp_path: Path
) -> None:
    write(read(directory), tmp_path)
    content = json.loads((tmp_path / CLAIM).read_text())
    (tmp_path / CLAIM).write_text(json.dumps({**content, **change}))
    with pytest.raises(DataError, match="no certificate of a solution"):
        verify_solution(tmp_path)


def test_a_claim_survives_its_files(directory: Path) -> None:
    claim = read(directory)
    assert verifier.derive(claim) <= claim.bound
    assert claim.walls == ("0/1", "0/1")


def test_a_network_with_a_wide_layer_is_proven_and_confirmed() -> None:
    """Against a sum of |r| over 64^2 points. Kills: boxes left out, a rule of the wide layer."""
    claim = claim_with_wide_layer()
    total = residual_of(claim)
    proven = certify(claim, 0.3 * total)
    assert 0.99 * total <= proven.bound <= 1.3 * total
    assert verifier.derive(proven) <= proven.bound


@pytest.mark.slow
def test_burgers_is_proven_to_a_millionth() -> None:
    """A solve of some seconds with a wide layer of 300 neurons, nu = 0.1."""
    solved = pinn.solve(
        find_problem("burgers", {"viscosity": 0.1}),
        budget=20,
        network=MLP.Sizes(width=16, layers=2),
        digits=Refiner(neurons=300, polynomials=0),
        progress=False,
    )
    solution = solved.solution
    bound = prove_error(solution.problem, solution.trial, 1e-6)
    estimate = sum_of_residual(solution)
    assert 0.9 * estimate <= bound.bound <= 1.5 * estimate + 2e-7


REFUSED = {
    "poisson": "coordinates must be x and t",
    "reaction": "f\\(u\\)_x = a u_xx",
    "convection": "must be hard",
    "kdv": "u_xxx",
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_problems_are_refused(name: str) -> None:
    problem = find_problem(name, {})
    with pytest.raises(UsageError, match=REFUSED[name]):
        claim_of(problem, trial_of(problem))


def test_other_networks_are_refused() -> None:
    from pinn.assembly import build_trial
    from pinn.networks import PhysicsFormer
    from pinn.settings import Settings

    problem = problem_of()
    former = build_trial(problem, Settings(network=PhysicsFormer.Sizes()))
    with pytest.raises(UsageError, match="--model mlp"):
        claim_of(problem, former)
    gelu = MLP.Sizes(width=4, layers=1, activation=torch.nn.GELU)
    with pytest.raises(UsageError, match="tanh"):
        claim_of(problem, build_trial(problem, Settings(network=gelu)))


def test_too_steep_a_network_ends_in_a_sentence_that_says_where(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pinn.certificates import certify

    monkeypatch.setattr(certify, "MOST_BOXES", 50)
    problem = problem_of()
    trial = trial_of(problem)
    with torch.no_grad():
        trial.network.first.weight.mul_(200)
    with pytest.raises(CertificateError, match=r"more than 50 boxes.*x = .*t = "):
        prove_error(problem, trial, 1e-6)


def test_a_source_that_no_formula_can_spell_is_refused() -> None:
    problem = problem_of(source=sympy.erf(sympy.Symbol("x")))
    with pytest.raises(UsageError, match="erf"):
        claim_of(problem, trial_of(problem))


def test_the_verifier_imports_nothing_of_the_prover() -> None:
    """Kills: an import that would make one of them believe the other."""
    allowed = ("pinn.certificates.claim", "pinn.certificates.verifier", "sciformer.errors")
    for path in (ROOT / "pinn" / "certificates" / "verifier").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for name in filter(None, names):
                top = name.partition(".")[0]
                assert top not in ("pinn", "theory", "sciformer") or name.startswith(allowed), path

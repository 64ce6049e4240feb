"""Laws of every network of families; a subclass makes one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from pinn.families.attention import attend_memory, weighted_mean
from pinn.families.draws import uniform_inputs
from pinn.families.family import Family
from pinn.families.members import Members
from pinn.families.networks.former import FamilyFormer
from pinn.families.networks.inputs import Inputs, Readings, quadrature, read
from pinn.families.networks.shared_trunk import DeepONet, PooledTokens, SpectralBranch
from pinn.jets import Jet, Operators
from sciformer.errors import DomainError
from tests.pinn.families.conftest import decaying


def inputs_of(family: Family, count: int = 3) -> tuple[Members, Inputs]:
    members = family.draw(count, 0)
    return members, uniform_inputs(family, members, torch.float64)


class NetworkContract:
    """Derivatives, members that do not mix, points that do not mix, own points."""

    def make(self) -> Any:
        raise NotImplementedError

    def network(self) -> tuple[Any, Family]:
        family = decaying()
        return self.make().build(family).double(), family

    def test_jets_equal_nested_autograd(self) -> None:
        """To 1e-12. Kills: any term of the product or quotient rule."""
        network, family = self.network()
        _, inputs = inputs_of(family)
        operators = Operators(("x", "t"), ("x", "t", "xx", "xt"))
        points = torch.rand(4, 2, dtype=torch.float64)
        (jet,) = network(inputs, Jet.coordinates(points, operators))
        columns = [c.clone().requires_grad_() for c in points.unbind(-1)]
        (values,) = network(inputs, torch.stack(columns, -1))
        torch.testing.assert_close(jet.value, values, rtol=1e-12, atol=1e-12)
        for member in range(3):
            for word in ("x", "t", "xx", "xt"):
                found = values[:, member]
                for letter in word:
                    (found,) = torch.autograd.grad(
                        found.sum(), columns["xt".index(letter)], create_graph=True
                    )
                scale = max(1.0, float(found.detach().abs().max()))
                gap = (jet.derivative(word)[:, member] - found).detach().abs().max()
                assert float(gap) < 1e-12 * scale, word

    def test_members_and_points_do_not_mix(self) -> None:
        """Kills: a mean or softmax over the wrong axis."""
        network, family = self.network()
        members, inputs = inputs_of(family)
        points = torch.rand(6, 2, dtype=torch.float64)
        (whole,) = network(inputs, points)
        alone = uniform_inputs(family, members[1:2], torch.float64)
        (part,) = network(alone, points[2:4])
        torch.testing.assert_close(part[:, 0], whole[2:4, 1])

    def test_own_points_are_shared_points_of_each(self) -> None:
        network, family = self.network()
        members, inputs = inputs_of(family, 2)
        points = torch.rand(5, 2, 2, dtype=torch.float64)
        (found,) = network(inputs, points)
        for i in range(2):
            one = uniform_inputs(family, members[i : i + 1], torch.float64)
            torch.testing.assert_close(network(one, points[:, i])[0][:, 0], found[:, i])

    def test_every_member_is_told_apart(self) -> None:
        """Kills: a function or a number that the network does not see."""
        network, family = self.network()
        members, _ = inputs_of(family, 2)
        points = torch.rand(3, 2, dtype=torch.float64)
        for name in ("start", "force", "a"):
            mixed = Members(
                members.fields,
                {n: c[[0, 1 if n == name else 0]] for n, c in members.coefficients.items()},
                {n: c[[0, 1 if n == name else 0]] for n, c in members.numbers.items()},
            )
            (found,) = network(uniform_inputs(family, mixed, torch.float64), points)
            assert float((found[:, 0] - found[:, 1]).detach().abs().max()) > 1e-6, name

    def test_sizes_below_one_are_refused(self) -> None:
        import dataclasses

        with pytest.raises(DomainError, match="width must be >= 1; got 0"):
            dataclasses.replace(self.make(), width=0).build(decaying())


class TestSpectralBranch(NetworkContract):
    def make(self) -> SpectralBranch:
        return SpectralBranch(width=6, depth=2)


class TestDeepONet(NetworkContract):
    def make(self) -> DeepONet:
        return DeepONet(width=6, depth=2)


class AnySensors(NetworkContract):
    """Networks on tokens read any sensors."""

    def test_order_and_absent_readings_do_not_matter(self) -> None:
        """Kills: positions by index, weights that are ignored."""
        network, family = self.network()
        _, inputs = inputs_of(family, 2)
        points = torch.rand(3, 2, dtype=torch.float64)
        (wanted,) = network(inputs, points)
        order = torch.randperm(64)
        shuffled = {
            n: Readings(r.places[:, order], r.values[:, order], r.weights[:, order])
            for n, r in inputs.readings.items()
        }
        (found,) = network(Inputs(inputs.white, inputs.numbers, shuffled), points)
        torch.testing.assert_close(found, wanted)
        absent = {
            n: Readings(
                *(
                    torch.cat([part, torch.full((2, 1), v).double()], 1)
                    for part, v in ((r.places, 0.1), (r.values, 9.0), (r.weights, 0.0))
                )
            )
            for n, r in inputs.readings.items()
        }
        (found,) = network(Inputs(inputs.white, inputs.numbers, absent), points)
        torch.testing.assert_close(found, wanted)

    def test_finer_sensors_change_little(self) -> None:
        """The weights are those of quadrature. Kills: tokens that count by their number."""
        network, family = self.network()
        members, inputs = inputs_of(family, 2)
        points = torch.rand(3, 2, dtype=torch.float64)
        (coarse,) = network(inputs, points)
        half = torch.arange(128, dtype=torch.float64) / 64 - 0.5
        # The left half is read twice as densely.
        places = torch.cat([half[:64], half[64::2]])
        fine = read(family, members, dict.fromkeys(("start", "force"), places), torch.float64)
        (found,) = network(fine, points)
        gap = (found - coarse).detach().abs().max()
        assert float(gap) < 0.02 * float(coarse.detach().abs().max())


class TestPooledTokens(AnySensors):
    def make(self) -> PooledTokens:
        return PooledTokens(width=6, depth=2, tokens=8)


class TestFamilyFormer(AnySensors):
    def make(self) -> FamilyFormer:
        return FamilyFormer(width=8, heads=2)


@pytest.mark.parametrize("periodic", [True, False])
def test_quadrature_weights_integrate_lines(periodic: bool) -> None:
    """Kills: half a gap missing at an end, weights of unsorted gaps."""
    places = torch.tensor([[0.1, 0.25, 0.5, 0.9]], dtype=torch.float64)
    weights = quadrature(places, 0, 1, periodic=periodic)
    assert float(weights.sum()) == pytest.approx(1)
    wanted = [0.175, 0.2, 0.325, 0.3]  # both ends are as far from 0 and 1 as from each other
    assert weights[0].tolist() == pytest.approx(wanted)


def test_attention_to_a_memory_is_the_triple_loop() -> None:
    """Against sums written out. Kills: a softmax over points, values of another member."""
    logits = torch.randn(3, 2, 4, dtype=torch.float64)
    values = torch.randn(2, 4, 5, dtype=torch.float64)
    found = attend_memory(logits, values)
    for q in range(3):
        for b in range(2):
            weight = [math.exp(float(logits[q, b, m])) for m in range(4)]
            for e in range(5):
                wanted = sum(w * float(values[b, m, e]) for m, w in enumerate(weight)) / sum(weight)
                assert float(found[q, b, e].detach()) == pytest.approx(wanted, rel=1e-12)
    own = torch.randn(3, 2, 4, dtype=torch.float64)
    torch.testing.assert_close(weighted_mean(logits, own), (logits.softmax(-1) * own).sum(-1))


def test_logits_beyond_the_range_of_exp_are_fine() -> None:
    operators = Operators(("x",), ("x",))
    logits = Jet(torch.tensor([[[800.0], [0.0]], [[1.0], [2.0]]], dtype=torch.float64), operators)
    found = attend_memory(logits, torch.tensor([[3.0], [7.0]], dtype=torch.float64))
    assert found.value.tolist() == [[3.0]]
    assert torch.isfinite(found.derivative("x")).all()

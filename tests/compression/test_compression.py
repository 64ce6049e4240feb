"""Every way to make a model smaller, by contract; removal is exact, ranks are the best ones."""

from __future__ import annotations

import copy

import pytest
import torch

from sciformer.compression import Edit, LowRank, PlainCut, Prune, Transformation, rebuild
from sciformer.compression.factorise import factorise
from sciformer.compression.sites import Channels, Heads, Units, sites
from sciformer.errors import DataError
from sciformer.mixers import Convolution, Pipeline
from sciformer.mixers.normalisation import BatchNorm
from tests.contracts.compressions import MODELS, CompressionContract, model, outputs, task


class TestPrune(CompressionContract):
    def way(self) -> Transformation:
        return Prune()


class TestPlainCut(CompressionContract):
    def way(self) -> Transformation:
        return PlainCut()


class TestLowRank(CompressionContract):
    def way(self) -> Transformation:
        return LowRank()


@pytest.mark.parametrize(("family", "mixer"), [*MODELS, ("lmuformer", "urpe")])
def test_removed_is_zeroed(family: str, mixer: str) -> None:
    """Kills: rows of another unit, a statistic or a gain that stays, channels and orders mixed."""
    whole = model(family, mixer)
    kinds = {type(site) for site in sites(whole)}
    assert kinds == {Units, Channels if mixer == "lmu" else Heads}
    for parameter in whole.parameters():  # nothing that could be kept by chance
        torch.nn.init.normal_(parameter, 0.1, 0.5)
    differ = 0
    for index, site in enumerate(sites(whole)):
        assert site.count > 1
        gone = site.count // 2
        zeroed, removed = copy.deepcopy(whole), copy.deepcopy(whole)
        one = sites(zeroed)[index]
        one.by_unit(one.reader_weight.data)[gone] = 0
        keep = torch.tensor([unit for unit in range(site.count) if unit != gone])
        sites(removed)[index].keep(keep)
        differ += not torch.equal(outputs(zeroed), outputs(whole))
        torch.testing.assert_close(outputs(removed), outputs(zeroed), atol=1e-11, rtol=1e-11)
    # A neuron that never fires is no loss.
    assert differ == len(sites(whole)) or (differ and family == "spiking-lmuformer")


def test_importance_is_the_derivative_by_a_gate() -> None:
    """By differences. Kills: the sign or square lost, the weight for its gradient."""
    whole = model("lmuformer", "lmu")
    (loss,) = task().losses(whole)
    loss.backward()
    for index, site in enumerate(sites(whole)):
        step, losses = 1e-5, []
        for factor in (1 - step, 1 + step):
            scaled = copy.deepcopy(whole)
            one = sites(scaled)[index]
            one.by_unit(one.reader_weight.data)[1] *= factor
            losses.append(float(next(iter(task().losses(scaled))).detach()))
        slope = (losses[1] - losses[0]) / (2 * step)
        assert float(site.gate_gradient()[1]) == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_units_that_do_nothing_go_first() -> None:
    """Kills: the highest score removed first; a cost that outweighs an importance of 0."""
    whole = model("lmuformer", "lmu")
    name = "body.block0.channels.expand:units"
    site = next(site for site in sites(whole) if site.name == name)
    dead = [1, 2, 5, 11, 12]
    site.by_unit(site.reader_weight.data)[dead] = 0
    scores = Prune().scores(whole, task())[name]
    assert scores[dead].tolist() == [0.0] * 5
    alive = [unit for unit in range(site.count) if unit not in dead]
    assert float(scores[alive].min()) > 0


def test_the_best_rank() -> None:
    """Against the singular values. Kills: a factor forgotten, taps and features exchanged."""
    torch.manual_seed(0)
    convolution = Convolution(3, 6, 4).double()
    pipeline = Pipeline(first=copy.deepcopy(convolution), norm=BatchNorm(6).double()).eval()
    model_ = torch.nn.ModuleDict({"body": pipeline})
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    values = torch.linalg.svdvals(convolution.weight.detach().flatten(1))
    for rank in (6, 4, 1):
        pipeline.first = copy.deepcopy(convolution)
        factorise(model_, "body.first", rank)
        product = torch.einsum("er,rkd->ekd", pipeline.first.up.weight, pipeline.first.down.weight)
        error = (product - convolution.weight).detach().norm()
        assert float(error) == pytest.approx(float(values[rank:].norm()), abs=1e-12)
        wanted = torch.nn.functional.conv1d(
            torch.nn.functional.pad(x.transpose(1, 2), (3, 0)),
            product.permute(0, 2, 1),
            convolution.bias,
        )
        assert torch.allclose(pipeline.first(x)[0], wanted.transpose(1, 2))


@pytest.mark.parametrize(
    "edit",
    [
        Edit("units", "body.nowhere:units", 2),
        Edit("units", "body.block0.channels.expand:units", 16),
        Edit("units", "body.block0.channels.expand:units", 0),
        Edit("rank", "body.block0.channels.expand", 9),
        Edit("rank", "body.block0.mix.mixer.direct", 2),
        Edit("depth", "body.block0.channels.expand", 2),
    ],
)
def test_edits_that_do_not_fit_are_refused(edit: Edit) -> None:
    """Kills: a file of somebody else that makes a model of any size."""
    with pytest.raises(DataError, match="the model has no place for"):
        rebuild(model("lmuformer", "lmu"), [edit])

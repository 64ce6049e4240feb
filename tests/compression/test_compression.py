"""Every way to make a model smaller, by contract; removal is exact, ranks are the best ones."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn

from sciformer.compression import (
    DenseSparse,
    Edit,
    Elastic,
    LowRank,
    PlainCut,
    Prune,
    Transformation,
    rebuild,
)
from sciformer.compression.dense_sparse import _chosen, pursue
from sciformer.compression.elastic import SHARES, kept
from sciformer.compression.factorise import low_rank
from sciformer.compression.sites import Channels, Heads, Units, sites
from sciformer.compression.sparse import SparseColumns
from sciformer.errors import DataError
from sciformer.mixers import Convolution, Latents, Pipeline, Slices, TokenMixer
from sciformer.mixers.normalisation import BatchNorm
from sciformer.mixers.synapses import layers_of
from tests.contracts.compressions import (
    FRAMES,
    MODELS,
    NOT_STREAMING,
    CompressionContract,
    model,
    outputs,
    task,
)
from tests.sequence.test_training import DATA


class TestPrune(CompressionContract):
    def way(self) -> Transformation:
        return Prune()


class TestPlainCut(CompressionContract):
    def way(self) -> Transformation:
        return PlainCut()


class TestLowRank(CompressionContract):
    def way(self) -> Transformation:
        return LowRank()


class TestDenseSparse(CompressionContract):
    def way(self) -> Transformation:
        return DenseSparse()


class TestElastic(CompressionContract):
    def way(self) -> Transformation:
        return Elastic()

    def test_preparing_changes_the_order_only(self, family: str, mixer: str) -> None:
        """Kills: an order that one of writer, normalisation and reader does not follow."""
        whole, prepared = model(family, mixer), model(family, mixer)
        self.way().prepare(prepared, task())
        torch.testing.assert_close(outputs(prepared), outputs(whole), atol=1e-11, rtol=1e-11)
        before, after = (Prune().scores(one, task()) for one in (whole, prepared))
        for name, scores in after.items():
            wanted = before[name].sort(descending=True).values
            torch.testing.assert_close(scores, wanted, rtol=1e-6, atol=1e-12 * float(wanted[0]))

    def test_a_step_of_training_is_one_of_the_model_cut(self, family: str, mixer: str) -> None:
        """Forward, as by statistics of the batch, and the gradient that the kept weights get.

        Kills: a mask on other units, a width that the others do not share, statistics of a narrow
        step that stay, weights that are lost with the masks.
        """
        x = DATA.train.inputs.double()
        for index, share in enumerate(SHARES):
            whole = model(family, mixer)
            whole.dropout.p = 0.0
            whole.train()
            before = {name: value.clone() for name, value in whole.state_dict().items()}
            small = copy.deepcopy(whole)
            for site in sites(small):
                site.keep(torch.arange(kept(site.count, share)))
            wanted = small(x)
            with self.way().training(whole), pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch, "randint", lambda *_, i=index: torch.tensor(i))
                found = whole(x)
                torch.testing.assert_close(found, wanted, atol=1e-9, rtol=1e-9)
                patch.undo()
                whole.eval()
                widest = whole(x)
            found.square().sum().backward()
            wanted.square().sum().backward()
            for name, parameter in small.named_parameters():
                if parameter.grad is not None and name.startswith("head"):
                    slope = whole.get_parameter(name).grad
                    torch.testing.assert_close(slope, parameter.grad, atol=1e-8, rtol=1e-8)
            after = whole.state_dict()
            assert before.keys() == after.keys()
            statistics = [n for n in after if "running" in n]
            moved = any(not torch.equal(after[n], before[n]) for n in statistics)
            assert moved is (index == 0)
            assert all(torch.equal(after[n], before[n]) for n in after if "weight" in n)
            torch.testing.assert_close(widest, whole(x))

    def test_widths_are_nested(self, family: str, mixer: str) -> None:
        """Kills: units chosen anew for each budget."""
        _, large, _ = self.made(family, mixer, 0.8)
        _, small, _ = self.made(family, mixer, 0.6)
        for name, parameter in small.named_parameters():
            slices = tuple(slice(size) for size in parameter.shape)
            if "readout" not in name:  # channels and orders are mixed in its columns
                assert torch.equal(large.get_parameter(name)[slices], parameter), name


@pytest.mark.parametrize(("family", "mixer"), [*MODELS, *NOT_STREAMING, ("lmuformer", "urpe")])
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
        gone = site.count // 2 - (mixer == "slices")  # whose middle unit never fires
        zeroed, removed = copy.deepcopy(whole), copy.deepcopy(whole)
        one = sites(zeroed)[index]
        one.by_unit(one.reader_weight.data)[gone] = 0
        keep = torch.tensor([unit for unit in range(site.count) if unit != gone])
        sites(removed)[index].keep(keep)
        differ += not torch.equal(outputs(zeroed), outputs(whole))
        torch.testing.assert_close(outputs(removed), outputs(zeroed), atol=1e-11, rtol=1e-11)
    # A neuron that never fires is not a loss.
    assert differ == len(sites(whole)) or (differ and family == "spiking-lmuformer")


@pytest.mark.parametrize(("family", "mixer"), NOT_STREAMING)
def test_latents_and_slices_are_halved(family: str, mixer: str) -> None:
    """Heads of reading, mixing and writing go. Kills: operations that count the heads removed."""
    whole = model(family, mixer)
    smaller, edits = Prune()(whole, 0.5, task())
    assert any(".mix" in edit.place and edit.place.endswith(":heads") for edit in edits)
    assert task().cost(smaller) <= 0.5 * task().cost(whole)
    counted = sum(layer.count for layer in layers_of(mixer_of(smaller), FRAMES))
    assert counted == mixer_of(smaller).operations(FRAMES).macs
    assert counted < 0.7 * mixer_of(whole).operations(FRAMES).macs
    fresh = model(family, mixer)
    rebuild(fresh, edits)
    fresh.load_state_dict(smaller.state_dict())
    assert torch.equal(outputs(fresh.eval()), outputs(smaller))


def mixer_of(model: nn.Module) -> TokenMixer:
    return next(module for module in model.modules() if isinstance(module, Latents | Slices))


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
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    values = torch.linalg.svdvals(convolution.weight.detach().flatten(1))
    for rank in (6, 4, 1):
        pipeline.first = low_rank(convolution, rank)
        product = torch.einsum("er,rkd->ekd", pipeline.first.up.weight, pipeline.first.down.weight)
        error = (product - convolution.weight).detach().norm()
        assert float(error) == pytest.approx(float(values[rank:].norm()), abs=1e-12)
        wanted = torch.nn.functional.conv1d(
            torch.nn.functional.pad(x.transpose(1, 2), (3, 0)),
            product.permute(0, 2, 1),
            convolution.bias,
        )
        assert torch.allclose(pipeline.first(x)[0], wanted.transpose(1, 2))


def test_pursuits() -> None:
    """Exact where they can be. Kills: a row chosen twice, values of other rows, a bad turn kept."""
    torch.manual_seed(0)
    weight = torch.randn(12, 20, dtype=torch.float64)
    whole = pursue(weight, 12, 12)
    torch.testing.assert_close(whole.product, weight, atol=1e-10, rtol=0)
    values = torch.linalg.svdvals(weight)
    errors = {}
    for rank in (8, 5):
        cut = float((pursue(weight, rank, rank).product - weight).norm())
        assert cut == pytest.approx(float(values[rank:].norm()), rel=1e-9)
        for nonzeros in range(1, rank + 1):
            pair = pursue(weight, rank, nonzeros, turns=0)
            assert bool((pair.rows.sort(0).values.diff(dim=0) > 0).all())
            assert pair.rows.shape == (nonzeros, 20)
            errors[rank, nonzeros] = float((pair.product - weight).norm())
            turned = pursue(weight, rank, nonzeros)
            assert float((turned.product - weight).norm()) <= errors[rank, nonzeros] * (1 + 1e-12)
    found = [errors[8, s] for s in range(1, 9)]
    assert all(a > b for a, b in itertools.pairwise(found))
    assert errors[5, 3] > errors[8, 3]


def test_a_matrix_that_is_dense_times_sparse_is_found() -> None:
    """Orthonormal D, two weights a column. Kills: correlations not divided by the norms."""
    torch.manual_seed(1)
    dictionary = torch.linalg.qr(torch.randn(16, 6, dtype=torch.float64)).Q
    rows = torch.rand(6, 40).argsort(0)[:2]
    values = torch.randn(2, 40, dtype=torch.float64)
    sizes = 10.0 ** torch.arange(-2, 4).double()
    sparse = torch.zeros(6, 40, dtype=torch.float64).scatter(0, rows, values)
    pair = _chosen(dictionary * sizes, dictionary @ sparse, 2)
    torch.testing.assert_close(pair.product, dictionary @ sparse, atol=1e-12, rtol=0)
    assert bool((pair.rows.sort(0).values == rows.sort(0).values).all())


def test_columns_of_few_weights() -> None:
    """As a convolution by the dense table. Kills: taps and features exchanged."""
    torch.manual_seed(0)
    sparse = SparseColumns(3, 300, 2, nonzeros=4).double()
    assert sparse.rows.dtype == torch.int32
    assert SparseColumns(3, 256, 2, nonzeros=4).rows.dtype == torch.uint8
    torch.nn.init.normal_(sparse.values)
    sparse.rows.copy_(torch.rand(300, 2, 3).argsort(0)[:4])
    dense = Convolution(3, 300, 2, bias=False).double()
    table = torch.zeros(300, 2, 3, dtype=torch.float64)
    for place, row in enumerate(sparse.rows):
        for tap in range(2):
            for feature in range(3):
                table[row[tap, feature], tap, feature] = sparse.values[place, tap, feature]
    dense.weight.data = table
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    torch.testing.assert_close(sparse(x)[0], dense(x)[0])
    assert sparse.operations(7).macs == 7 * int((table != 0).sum())


@pytest.mark.parametrize("rows", [[0, 0], [0, 4], [-1, 2]])
def test_rows_of_a_damaged_file_are_refused(rows: list[int]) -> None:
    """Kills: a write outside of the table, two weights of which one is lost."""
    sparse = SparseColumns(2, 300, nonzeros=2)
    state = sparse.state_dict()
    state["rows"] = torch.tensor(rows, dtype=torch.int32).view(2, 1, 1).expand(2, 1, 2).contiguous()
    if rows == [0, 4]:
        sparse.load_state_dict(state)  # whole
        sparse, state = SparseColumns(2, 4, nonzeros=2), {**state, "rows": state["rows"].byte()}
    with pytest.raises(DataError, match="the file has others; it is damaged"):
        sparse.load_state_dict(state)


@pytest.mark.parametrize(
    "edit",
    [
        Edit("units", "body.nowhere:units", 2),
        Edit("units", "body.block0.channels.expand:units", 16),
        Edit("units", "body.block0.channels.expand:units", 0),
        Edit("rank", "body.block0.channels.expand", 9),
        Edit("rank", "body.block0.mix.mixer.direct", 2),
        Edit("sparse", "body.block0.channels.expand", 4),
        Edit("sparse", "body.block0.channels.expand", 4, 5),
        Edit("depth", "body.block0.channels.expand", 2),
    ],
)
def test_edits_that_do_not_fit_are_refused(edit: Edit) -> None:
    """Kills: a file of somebody else that makes a model of any size."""
    with pytest.raises(DataError, match="the model has no place for"):
        rebuild(model("lmuformer", "lmu"), [edit])

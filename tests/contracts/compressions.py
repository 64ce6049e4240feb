"""The laws of every way to make a model smaller; a subclass gives its way."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sciformer.compression import Edit, Task, Transformation, rebuild
from sciformer.errors import DomainError, UsageError
from sciformer.mixers.normalisation import BatchNorm
from sciformer.sequence import fold
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.compressing import task_of
from sciformer.sequence.exchange.programs import whole_program
from sciformer.sequence.presets import make_model
from sciformer.sequence.streaming import Streamer
from tests.sequence.test_training import DATA

FRAMES = DATA.length
MODELS = [
    ("lmuformer", "lmu"),
    ("lmuformer", "attention"),
    ("lmuformer", "linear"),
    ("spiking-lmuformer", "lmu"),
]
NOT_STREAMING = [("lmuformer", "latents"), ("lmuformer", "slices")]
BUDGETS = (0.8, 0.6)


def model(family: str, mixer: str) -> SequenceClassifier:
    """A model in double precision, a little away from its initial weights and statistics."""
    torch.manual_seed(5)
    sizes = {"features": 1, "classes": 2, "length": FRAMES, "theta": float(FRAMES), "mixer": mixer}
    made = make_model(family, "small", **sizes, width=8, depth=1, convolutions=2, order=4)
    for module in made.modules():
        if isinstance(module, BatchNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
    made.train()(DATA.train.inputs)
    return made.double().eval()


def task() -> Task:
    return task_of(DATA.train.to(torch.device("cpu"), torch.float64), FRAMES)


def outputs(of: SequenceClassifier) -> Tensor:
    with torch.no_grad():
        return of(DATA.validation.inputs.double())


@pytest.mark.parametrize(("family", "mixer"), MODELS)
class CompressionContract:
    """Subclasses give `way`."""

    def way(self) -> Transformation:
        raise NotImplementedError

    def made(
        self, family: str, mixer: str, budget: float
    ) -> tuple[SequenceClassifier, SequenceClassifier, tuple[Edit, ...]]:
        whole = model(family, mixer)
        smaller, edits = self.way()(whole, budget, task())
        assert isinstance(smaller, SequenceClassifier)
        return whole, smaller, edits

    def test_the_full_budget_changes_nothing(self, family: str, mixer: str) -> None:
        whole, same, edits = self.made(family, mixer, 1.0)
        assert edits == ()
        assert torch.equal(outputs(same), outputs(whole))

    def test_the_budget_is_met_and_costs_fall_with_it(self, family: str, mixer: str) -> None:
        """Kills: a budget of parameters, a search that stops one unit early."""
        costs, sizes = [], []
        for budget in BUDGETS:
            whole, smaller, _ = self.made(family, mixer, budget)
            costs.append(task().cost(smaller) / task().cost(whole))
            sizes.append(smaller.parameter_count() / whole.parameter_count())
            assert 0.8 * budget < costs[-1] <= budget
        assert 1 > costs[0] > costs[1]
        assert 1 > sizes[0] > sizes[1]

    def test_the_model_given_stays_as_it_is(self, family: str, mixer: str) -> None:
        whole = model(family, mixer)
        before = {name: value.clone() for name, value in whole.state_dict().items()}
        self.way()(whole, 0.6, task())
        assert all(torch.equal(value, before[name]) for name, value in whole.state_dict().items())

    def test_a_fresh_model_takes_edits_and_weights(self, family: str, mixer: str) -> None:
        """Kills: an edit with another place or size, one that depends on the weights."""
        _, smaller, edits = self.made(family, mixer, 0.6)
        torch.manual_seed(6)
        fresh = model(family, mixer)
        rebuild(fresh, edits)
        fresh.load_state_dict(smaller.state_dict())
        assert torch.equal(outputs(fresh.eval()), outputs(smaller))

    def test_it_streams(self, family: str, mixer: str) -> None:
        """Kills: a count of channels that the step does not know."""
        _, smaller, _ = self.made(family, mixer, 0.6)
        x = DATA.validation.inputs[:1].double()
        streamer = Streamer(smaller)
        wanted = smaller.beginnings(x).softmax(-1)
        for t, frame in enumerate(x.unbind(1)):
            torch.testing.assert_close(streamer.push(frame), wanted[:, t], atol=1e-9, rtol=0)
        torch.testing.assert_close(outputs(fold(smaller)), outputs(smaller), atol=1e-9, rtol=0)

    def test_it_is_exported(self, family: str, mixer: str, tmp_path: Path) -> None:
        if family != "lmuformer":
            pytest.skip("a spiking model is unrolled, which takes the exporter a minute")
        _, smaller, _ = self.made(family, mixer, 0.6)
        x = DATA.validation.inputs[:1].double()
        found = whole_program(smaller, FRAMES).module()(x)
        torch.testing.assert_close(found, smaller(x), atol=1e-9, rtol=0)

    def test_normalisations_are_measured_anew(self, family: str, mixer: str) -> None:
        """Kills: the statistics of the larger model kept."""
        _, smaller, _ = self.made(family, mixer, 0.6)
        norms = [m for m in smaller.modules() if isinstance(m, BatchNorm)]
        seen: dict[int, Tensor] = {}
        handles = [
            norm.register_forward_pre_hook(
                lambda module, inputs: seen.update({id(module): inputs[0].flatten(0, -2)})
            )
            for norm in norms
        ]
        # In training, where every normalisation has the statistics of the batch itself.
        smaller.train()
        smaller.dropout.eval()
        with torch.no_grad():
            smaller(DATA.train.inputs.double())
        for handle in handles:
            handle.remove()
        fresh = self.made(family, mixer, 0.6)[1]
        for name, norm in fresh.named_modules():
            if isinstance(norm, BatchNorm):
                x = seen[id(smaller.get_submodule(name))]
                torch.testing.assert_close(norm.running_mean, x.mean(0))
                torch.testing.assert_close(norm.running_var, x.var(0))

    def test_budgets_that_cannot_be_met_are_refused(self, family: str, mixer: str) -> None:
        with pytest.raises(UsageError, match=r"0\.01 were wanted"):
            self.made(family, mixer, 0.01)
        with pytest.raises(DomainError, match=r"0 < budget <= 1; got 1\.5"):
            self.made(family, mixer, 1.5)

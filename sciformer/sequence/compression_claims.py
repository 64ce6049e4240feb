"""Claims of papers on smaller models, measured on a sequence model of MNIST-1D."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sciformer.reproduce import (
    AtLeast,
    AtMost,
    Claim,
    Effort,
    Experiment,
    Paper,
    Trial,
    Untestable,
)

if TYPE_CHECKING:
    from sciformer.compression import Transformation
    from sciformer.sequence.classifier import SequenceClassifier
    from sciformer.sequence.data import SequenceData

TASK = "An LMUFormer on MNIST-1D at half of its operations, in points of test accuracy."
LONG, SHORT = Effort(3, 4.0, {"epochs": 20, "tune": 5}), Effort(1, 0.4, {"epochs": 6, "tune": 2})
BUDGET = 0.5


def matformer() -> Paper:
    """MatFormer: nested widths, one training for many sizes."""
    nested = Experiment(
        "matformer-nested",
        _nested,
        "sciformer compress RUN --how elastic --tune 5 --budget 0.5",
        full=LONG,
        quick=SHORT,
    )
    return Paper(
        "matformer",
        "MatFormer: nested Transformer for elastic inference",
        "arXiv 2310.07707, NeurIPS 2024",
        (
            Claim("nested sub-models are as good as those trained alone (accuracy less that of the "
                  "first units, trained alone as long)", "abstract", "0", nested, "gain",
                  AtLeast(-1.0), TASK + " 1,000 sequences resolve one point at best."),
            Untestable("models of 1.5 to 2.6 B parameters out of one", "abstract", "-",
                       "Needs that corpus and many GPUs."),
        ),
    )  # fmt: skip


def dsformer() -> Paper:
    """DSFormer: maps as a dense times a sparse one, beside low rank."""
    maps = Experiment(
        "dsformer-maps",
        _maps,
        "sciformer compress RUN --how dense-sparse --budget 0.5",
        full=LONG,
        quick=SHORT,
    )
    return Paper(
        "dsformer",
        "DSFormer: effective compression of text-Transformers by dense-sparse weights",
        "arXiv 2312.13211",
        (
            Claim("nearer to the weights than low rank at half of the products (error over error)",
                  "abstract", "< 1", maps, "error_ratio", AtMost(1.0), "Mean over all maps."),
            Claim("more accurate than low rank, as made", "abstract", "> 0", maps, "made",
                  AtLeast(0.1), TASK + " One sequence is 0.1."),
            Claim("more accurate than low rank, both trained on as long", "abstract", "> 0", maps,
                  "trained", AtLeast(0.1),
                  TASK + " The rows stay; `python -m benchmarks.compression` has the paper's "
                  "straight-through training."),
            Untestable("up to 40 % smaller than low rank on GLUE", "abstract", "40",
                       "Needs BERT and its tasks."),
        ),
    )  # fmt: skip


def _nested(trial: Trial) -> dict[str, float]:
    from sciformer.compression import Elastic, PlainCut
    from sciformer.sequence.compressing import ready, shrink

    study = _Study(trial)
    basis = ready(study.model, Elastic(), study.data, study.train_on)
    nested, _ = shrink(basis, Elastic(), BUDGET, study.data)
    return {"gain": study.accuracy(nested) - study.cut(PlainCut(), trained=True)}


def _maps(trial: Trial) -> dict[str, float]:
    from sciformer.compression import DenseSparse, LowRank
    from sciformer.compression.factorise import factorisable

    study = _Study(trial)
    sparse, rank = DenseSparse(), LowRank()
    ratios = []
    for stage in factorisable(study.model).values():
        most = BUDGET * stage.weight.numel()
        errors = [
            [option.error for option in way.options(stage) if option.products <= most]
            for way in (sparse, rank)
        ]
        if all(errors):
            ratios.append((min(errors[0]) / min(errors[1])) ** 0.5)
    return {
        "error_ratio": sum(ratios) / len(ratios),
        "made": study.cut(sparse) - study.cut(rank),
        "trained": study.cut(sparse, trained=True) - study.cut(rank, trained=True),
    }


class _Study:
    """A trained model, and smaller ones made of it; seed and epochs are the trial's."""

    def __init__(self, trial: Trial) -> None:
        from sciformer.sequence.data import load_data
        from sciformer.sequence.python import train

        self.trial, self.trainings = trial, 0
        self.data: SequenceData = load_data("mnist1d", seed=trial.seed)
        epochs, out = trial.options["epochs"], trial.directory / "whole"
        self.model = train(self.data, epochs=epochs, seed=trial.seed, out=out).model

    def cut(self, way: Transformation, *, trained: bool = False) -> float:
        """Accuracy at half of the operations, trained on or not."""
        from sciformer.sequence.compressing import shrink

        smaller, _ = shrink(self.model, way, BUDGET, self.data)
        if trained:
            self.train_on(smaller)
        return self.accuracy(smaller)

    def train_on(self, model: SequenceClassifier) -> None:
        """Trains in place for the further epochs of the trial, at a third of the rate."""
        from sciformer.runs import Run
        from sciformer.sequence.training import Recipe, train

        self.trainings += 1
        run = Run.create(self.trial.directory / f"further{self.trainings}", "reproduce", {})
        recipe = Recipe(self.trial.options["tune"], rate=Recipe.rate / 3, seed=self.trial.seed)
        train(model, self.data, recipe, run)
        model.eval()

    def accuracy(self, model: SequenceClassifier) -> float:
        """Accuracy on the test split, in %."""
        from sciformer.sequence.training import evaluate

        return 100 * evaluate(model, self.data.test).accuracy

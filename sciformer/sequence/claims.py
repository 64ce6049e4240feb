"""Claims of the LMUFormer paper: sizes, operations, streaming, accuracy."""

from __future__ import annotations

from sciformer.reproduce import (
    AtLeast,
    AtMost,
    Between,
    Claim,
    Command,
    Effort,
    Experiment,
    Paper,
    Trial,
    Untestable,
)

SPEECH = "Needs Speech Commands v2, which cannot be shipped, and days of training."
SUBSTITUTE = (
    "On MNIST-1D instead of speech: the standard 4,000 + 1,000 sequences. Published there: GRU "
    "91 %, convolutional network 94 %, human 96 %."
)


def lmuformer() -> Paper:
    """LMUFormer: parameters, operations, frames saved, streaming, accuracy at hand."""
    sizes = Experiment(
        "sizes",
        _sizes,
        "python -c 'from sciformer.sequence.operations import published_claims as c; print(c())'",
        full=Effort(1, 0.1),
        quick=Effort(1, 0.1),
    )
    streaming = Experiment(
        "streaming",
        _streaming,
        "pytest tests/sequence -k stream",
        full=Effort(5, 0.1),
        quick=Effort(1, 0.1),
    )
    dense, spiking = _mnist1d("lmuformer"), _mnist1d("spiking-lmuformer")
    return Paper(
        "lmuformer",
        "LMUFormer: low complexity yet powerful spiking model with Legendre memory units",
        "arXiv 2402.04882, ICLR 2024",
        (
            Claim("53 times fewer parameters than AST", "abstract", "53", sizes, "parameters",
                  Between(52.5, 53.5), "AST counted without its two unused heads."),
            Claim("65 times fewer operations than AST", "abstract", "65", sizes, "operations",
                  AtLeast(65), "All convolutions and linear maps; the memory update left out."),
            Claim("the same, leaving out the layer after the memory", "abstract", "65", sizes,
                  "operations_without_readout", AtLeast(65),
                  "What the published figure seems to count; not the whole model."),
            Claim("share of the sequence saved at 99 % of the accuracy, in %", "abstract",
                  "32.03", sizes, "frames_saved", Between(32.02, 32.04),
                  "Arithmetic of the published 87 of 128 frames."),
            Claim("the same without padding frames, in %", "abstract", "32.03", sizes,
                  "real_frames_saved", AtLeast(32.03),
                  "A second has 98 real frames, 30 of the 41 saved are padding."),
            Claim("processes data one sample at a time (largest difference between streaming "
                  "and parallel probabilities)", "abstract", "equal", streaming, "difference",
                  AtMost(1e-6, better=1e-12),
                  "The causal preset in float64; the published convolutions look ahead, and its "
                  "spiking recurrence differs from its parallel form."),
            Claim("accuracy of LMUFormer", "table 1", "96.53 % (speech)", dense, "accuracy",
                  AtLeast(0.9653), SUBSTITUTE),
            Claim("accuracy of the spiking LMUFormer", "table 1", "96.12 % (speech)", spiking,
                  "accuracy", AtLeast(0.9612), SUBSTITUTE),
            Untestable("Speech Commands v2: 96.53 %, spiking 96.12 %", "table 1", "96.53, 96.12",
                       SPEECH + " `sciformer train --dataset speech-commands --data DIR` does it."),
            Untestable("Long Range Arena: ListOps 34.43, Text 68.27, …", "appendix", "34.43, …",
                       "Days of training; `--dataset listops-full` generates the first of them."),
        ),
    )  # fmt: skip


def _sizes(trial: Trial) -> dict[str, float]:
    from sciformer.sequence.operations import published_claims

    parameters, operations, without, _, saved = published_claims()
    return {
        "parameters": parameters.recomputed,
        "operations": operations.recomputed,
        "operations_without_readout": without.recomputed,
        "frames_saved": saved.recomputed,
        "real_frames_saved": 100 * (98 - 87) / 98,
    }


def _streaming(trial: Trial) -> dict[str, float]:
    import torch

    from sciformer.sequence.presets import make_model
    from sciformer.sequence.streaming import Streamer

    generator = torch.Generator().manual_seed(trial.seed)
    with torch.random.fork_rng():
        torch.manual_seed(trial.seed)
        model = make_model("lmuformer", "causal").double().eval()
    frames = torch.randn(128, 128, generator=generator, dtype=torch.float64)
    streamer = Streamer(model)
    for frame in frames:
        streamed = streamer.push(frame[None])
    with torch.no_grad():
        parallel = model(frames[None]).softmax(-1)
    return {"difference": float((streamed - parallel).abs().max())}


def _mnist1d(model: str) -> Experiment:
    command = Command(("train", model, "--dataset", "mnist1d"))
    return command.experiment(
        f"mnist1d-{model}", full=Effort(5, 3.0), quick=Effort(1, 0.8, {"epochs": 10})
    )

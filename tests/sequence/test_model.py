"""The published models: their sizes, their layers, their operations, and folding."""

from __future__ import annotations

import pytest
import torch

from sciformer.attention import Rotary
from sciformer.errors import DataError, UnknownNameError, UsageError
from sciformer.mixers.normalisation import BatchNorm
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.folding import fold
from sciformer.sequence.presets import make_model
from sciformer.sequence.public_weights import load_public_weights
from tests.oracles.public_lmuformer import PublicLMUFormer, PublicSpikingLMUFormer

SMALL = {"features": 3, "width": 8, "classes": 4, "length": 20}


def settled(model: SequenceClassifier, seed: int = 0) -> SequenceClassifier:
    """The model with weights and statistics of no special value."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, BatchNorm):
            for name in ("weight", "bias", "running_mean"):
                tensor = getattr(module, name).data
                tensor += 0.4 * torch.randn(tensor.shape, generator=generator)
            module.running_var += torch.rand(module.running_var.shape, generator=generator)
    return model.double().eval()


@pytest.mark.parametrize(
    ("family", "preset", "parameters"),
    [
        ("lmuformer", "speech-commands", 1_621_796),
        ("lmuformer", "causal", 1_621_796),
        ("spiking-lmuformer", "speech-commands", 1_689_894),
        ("lmuformer", "psmnist", 166_798),
        ("spiking-lmuformer", "psmnist", 166_092),
        ("lmuformer", "psmnist-last", 166_092),
    ],
)
def test_published_parameter_counts(family: str, preset: str, parameters: int) -> None:
    """Kills: a bias or a normalisation too many or too few."""
    assert make_model(family, preset).parameter_count() == parameters


def test_the_first_kernel_and_the_head_are_chosen() -> None:
    """Kills: a kernel given to the wrong convolution, a head that always reads spikes.

    The first of three convolutions has 4 more taps of 3 x 8 weights; the head's 8 x 4 weights and
    those 7 x 3 x 8 meet numbers, as the 8 memories of order 16 do.
    """
    sizes = {**SMALL, "depth": 1, "kernel": 7, "convolutions": 3}
    potentials = make_model("spiking-lmuformer", "small", **sizes)
    spikes = make_model("spiking-lmuformer", "small", **sizes, spiking_head=True)
    shorter = make_model("spiking-lmuformer", "small", **{**sizes, "kernel": 3})
    assert potentials.parameter_count() - shorter.parameter_count() == 4 * 3 * 8
    assert not potentials.body.spikes
    assert spikes.body.spikes
    assert potentials.operations(1).macs - spikes.operations(1).macs == 8 * 4
    assert spikes.operations(1).macs == 7 * 3 * 8 + 8 * 16 * 16


def test_published_operations() -> None:
    """206.70 M and 215.09 M in weights, 8.42 M more in the memory.

    Kills: leaving the memory out, as hooks on layers do.
    """
    memory = 128 * 256 * 257
    assert make_model("lmuformer", "speech-commands").operations(128).macs - memory == 206_700_544
    spiking = make_model("spiking-lmuformer", "speech-commands").operations(128)
    memory = 128 * 512 * 513
    assert spiking.macs + spiking.acs - memory == 215_089_152
    assert spiking.macs == 128 * (128 * 256 * 3 + 512 * 512)


@pytest.mark.parametrize("family", ["lmuformer", "spiking-lmuformer"])
def test_layers_are_those_of_the_public_code(family: str) -> None:
    """Weights moved by the name map give the same logits. Kills: any layer in another order.

    Tolerance: float64 through about twenty layers; the FFT there against products here.
    """
    public = {"lmuformer": PublicLMUFormer, "spiking-lmuformer": PublicSpikingLMUFormer}[family]
    torch.manual_seed(1)
    theirs = public(features=3, width=8, classes=4, order=6, theta=20.0).double().eval()
    for name, tensor in theirs.state_dict().items():
        if ("bn" in name or ".3." in name) and tensor.is_floating_point():
            tensor += 0.3 * torch.rand_like(tensor)
    ours = make_model(family, "speech-commands", **SMALL, order=6, theta=20.0).double().eval()
    load_public_weights(ours, theirs.state_dict())
    x = 2 * torch.randn(2, 20, 3, dtype=torch.float64)
    assert torch.allclose(ours(x), theirs(x), rtol=0, atol=1e-11)


def test_weights_of_other_sizes_are_refused() -> None:
    theirs = PublicLMUFormer(features=3, width=8, classes=4, order=6, theta=20.0)
    ours = make_model("lmuformer", "speech-commands", **SMALL, order=5)
    with pytest.raises(DataError, match=r"weights do not fit, the first is .*direct.weight"):
        load_public_weights(ours, theirs.state_dict())
    ours = make_model("lmuformer", "speech-commands", **SMALL, order=6)
    with pytest.raises(DataError, match=r"1 weights do not fit, the first is odd"):
        load_public_weights(ours, {**theirs.state_dict(), "odd": torch.ones(1)})


@pytest.mark.parametrize("family", ["lmuformer", "spiking-lmuformer"])
@pytest.mark.parametrize("preset", ["speech-commands", "small"])
def test_folding_changes_nothing(family: str, preset: str) -> None:
    """Kills: a shift pushed through zero padding, a scale applied to the bias only."""
    model = settled(make_model(family, preset, **SMALL))
    folded = fold(model)
    x = torch.randn(2, 20, 3, dtype=torch.float64)
    assert torch.allclose(folded(x), model(x), rtol=0, atol=1e-11)
    assert not any(isinstance(module, BatchNorm) for module in folded.modules())
    assert any(isinstance(module, BatchNorm) for module in model.modules())


@pytest.mark.parametrize("mixer", ["lmu", "attention", "urpe"])
def test_every_mixer_streams_in_the_same_block(mixer: str) -> None:
    """Kills: a mixer whose state does not pass through the block."""
    model = settled(make_model("lmuformer", "small", **SMALL, mixer=mixer))
    x = torch.randn(2, 20, 3, dtype=torch.float64)
    state, rows = model.init_state(2), []
    for t in range(20):
        logits, state = model.step(x[:, t], state)
        rows.append(logits)
    assert torch.allclose(torch.stack(rows, 1), model.beginnings(x), rtol=0, atol=1e-12)
    assert torch.allclose(rows[-1], model(x), rtol=0, atol=1e-12)


def test_the_last_token_is_the_last_that_is_there() -> None:
    """Kills: a last token of the padding, a read-out that differs from that of the stream."""
    model = settled(make_model("lmuformer", "psmnist-last"))
    x = torch.randn(3, 9, 1, dtype=torch.float64)
    ends = torch.tensor([4, 9, 1])
    expected = model.beginnings(x)[torch.arange(3), ends - 1]
    mask = torch.arange(9) < ends[:, None]
    assert torch.allclose(model(x, mask), expected, rtol=0, atol=1e-12)
    assert torch.allclose(model(x), model.beginnings(x)[:, -1], rtol=0, atol=1e-12)


def test_padding_does_not_count() -> None:
    """Kills: a mean over all frames, a convolution that reads the padding."""
    model = settled(make_model("lmuformer", "speech-commands", **SMALL))
    x = torch.randn(1, 20, 3, dtype=torch.float64)
    mask = torch.arange(20)[None] < 13
    assert torch.allclose(model(x, mask), model(x[:, :13]), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: make_model("lmuform", "small"), r"unknown model 'lmuform'. Did you mean 'lmuf"),
        (lambda: make_model("lmuformer", "smal"), r"unknown preset 'smal'. Did you mean 'small'"),
        (lambda: make_model("lmuformer", "small", mixer="lmi"), r"mixer 'lmi'. Did you mean 'lmu'"),
    ],
)
def test_unknown_names_are_refused(call: object, sentence: str) -> None:
    with pytest.raises(UnknownNameError, match=sentence):
        call()  # type: ignore[operator]


def test_what_a_model_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match=r"psmnist reads one number per frame"):
        make_model("lmuformer", "psmnist", features=2)
    with pytest.raises(UnknownNameError, match=r"preset 'psmnist-last'\. .*Known: psmnist"):
        make_model("spiking-lmuformer", "psmnist-last")
    with pytest.raises(ValueError, match=r"only the mixer lmu spikes; got urpe"):
        make_model("spiking-lmuformer", "small", mixer="urpe")


@pytest.mark.parametrize("mixer", ["attention", "urpe"])
def test_attention_rotates_with_the_usual_base(mixer: str) -> None:
    """Kills: the width of a head given to Rotary as the base of its wavelengths."""
    model = make_model("lmuformer", "small", **SMALL, mixer=mixer)
    bases = [module.base for module in model.modules() if isinstance(module, Rotary)]
    assert bases == [10000.0, 10000.0]

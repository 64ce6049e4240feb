"""Can a mechanism tell the positions of equal tokens apart? Measured, with the reason."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sciformer.attention import Causal, MultiheadAttention, Position
from sciformer.blocks import EncoderBlock, FeedForward
from sciformer.errors import DataError, DomainError, ShapeError
from theory.expressivity.mechanisms import SelfAttention

# Rounding of one module in float64 relative to its output, to find who first told rows apart.
MODULE_TOLERANCE = 1e-10
# Two rows that are equal in exact arithmetic may differ by so many units of the last place of the
# output through its own last rounding alone.
LAST_PLACES = 4
# Relative changes of the token: they move a difference that is meant by about as much, and draw
# the rounding errors anew.
NUDGES = (2.0**-30, -(2.0**-31), 3.0 * 2.0**-33)
# For schemes that are made for heads of any width.
DEFAULT_HEAD_WIDTH = 8


@dataclass(frozen=True)
class Blindness:
    """Result of feeding a constant sequence.

    `spread` is the largest difference between two rows of the output, `size` the largest entry of
    the output, both in float64. `noise` is how much the differences of rows change when the token
    changes in its tenth digit. `row_sums` is the range of the row sums of the attention matrices
    that met a constant sequence, None where there is no attention of the core.
    """

    spread: float
    size: float
    reason: str
    row_sums: tuple[float, float] | None = None
    noise: float = 0.0

    @property
    def is_blind(self) -> bool:
        """Whether the rows are equal up to rounding, in whatever unit the output comes.

        Differences that do not come again for almost the same token are rounding errors, however
        large beside the output; so are those of a few units in its last place.
        """
        return self.spread <= max(
            2 * self.noise, LAST_PLACES * torch.finfo(torch.float64).eps * self.size
        )

    @property
    def verdict(self) -> str:
        """The answer in words."""
        return "blind" if self.is_blind else "sees positions"


def blindness(
    subject: Position | nn.Module,
    *,
    length: int = 11,
    width: int | None = None,
    heads: int = 2,
    layers: int = 3,
    is_causal: bool = False,
    seed: int = 0,
) -> Blindness:
    """Feed a constant sequence and check whether the rows of the output are equal.

    If A 1 = s 1 for every attention matrix, equal rows stay equal, and maps of single tokens keep
    them so, at any depth and width: the network is blind on constant sequences. Masks before the
    softmax do not help; what changes row sums, tokens or values by position does.

    Args:
        subject: a position scheme, examined inside a transformer with random weights, which stand
            for all weights; or a module (b, n, width) -> (b, n, any), examined with the weights
            it has, in evaluation mode. Neither is changed.
        length: tokens in the sequence, >= 2; less if the scheme's table is shorter.
        width: of the tokens; None takes it from the scheme, from the module's first parameter of
            two or more axes, or 8 a head.
        heads: of the transformer around a scheme that does not say.
        layers: its depth.
        is_causal: whether later keys are hidden; a module is handed mask=Causal().
        seed: of the token, and of the weights around a scheme.

    Returns:
        Spread, verdict and reason, measured in float64.

    Raises:
        ShapeError: a module whose output has no row per token.
        DataError: an output that is not finite.
        DomainError: fewer than two tokens, where there is nothing to tell apart.

    Source: Luo et al. 2022: the negative result, and the condition on row sums.

    Examples:
        >>> import theory
        >>> from sciformer.attention import Rotary
        >>> theory.blindness(Rotary()).is_blind
        True
    """
    generator = torch.Generator().manual_seed(seed)
    if isinstance(subject, Position):
        length = length if subject.length is None else min(length, subject.length)
        heads = heads if subject.heads is None else subject.heads
        width = _scheme_width(subject, heads) if width is None else width
        network = random_transformer(subject, width, heads, layers, generator)
    else:
        network = copy.deepcopy(subject).double().eval()
        width = _input_width(network) if width is None else width
    if length < 2:
        raise DomainError(f"blindness: at least two tokens are needed; got {length}.")
    token = torch.randn(width, generator=generator, dtype=torch.float64)
    return examine(network, token.expand(1, length, -1), is_causal=is_causal)


def examine(network: nn.Module, tokens: Tensor, *, is_causal: bool = False) -> Blindness:
    """The blindness of a float64 network on one constant sequence (1, n, width)."""
    options = {"mask": Causal()} if is_causal else {}
    watch = _Watch(network)
    with watch, torch.no_grad():
        output = network(tokens, **options)
    if output.dim() < 2 or output.shape[-2] != tokens.shape[-2]:
        raise ShapeError(
            f"blindness: the module must give one row per token; got {tuple(output.shape)} for "
            f"{tuple(tokens.shape)}."
        )
    if not bool(torch.isfinite(output).all()):
        raise DataError(
            "blindness: the module's output has numbers that are not finite, so nothing can "
            "be said about it; give it finite weights of moderate size."
        )
    noise = 0.0
    with torch.no_grad():
        for nudge in NUDGES:
            again = network(tokens * (1 + nudge), **options)
            noise = max(noise, float((_differences(again) - _differences(output)).abs().max()))
    found = Blindness(spread(output), float(output.abs().max()), "", watch.row_sums, noise)
    return replace(found, reason=watch.reason(is_blind=found.is_blind))


def spread(rows: Tensor) -> float:
    """The largest difference between two rows of (..., n, width), over columns and batch."""
    return float((rows.amax(-2) - rows.amin(-2)).max())


def _differences(rows: Tensor) -> Tensor:
    """Rows (..., n, width) minus the first one."""
    return rows - rows[..., :1, :]


def random_transformer(
    scheme: Position, width: int, heads: int, layers: int, generator: torch.Generator
) -> nn.Module:
    """A float64 pre-norm transformer over one scheme in each layer, every parameter random."""
    mixers = [
        MultiheadAttention(width, heads, position=copy.deepcopy(scheme)) for _ in range(layers)
    ]
    return randomise(Layers(mixers, width), generator)


def randomise(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """The network in float64 with normal parameters: matrices of unit gain, tables of size 2.

    Tables are those that the position schemes hold; their size makes biases and gains matter.
    """
    network = network.double()
    tables = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, Position)
        for parameter in module.parameters()
    }
    for parameter in network.parameters():
        unit = parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 1.0
        size = 2.0 if id(parameter) in tables else unit
        nn.init.normal_(parameter, std=size, generator=generator)
    return network


class Layers(nn.Module):
    """Pre-norm transformer layers around given mixers.

    Args:
        mixers: each of tokens (..., n, width) to the same.
        width: width of the tokens.
    """

    def __init__(self, mixers: Iterable[nn.Module], width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            EncoderBlock(
                mixer,
                FeedForward(width, 4 * width),
                before_mixer=nn.LayerNorm(width),
                before_channels=nn.LayerNorm(width),
            )
            for mixer in mixers
        )

    def forward(self, tokens: Tensor, **options: Any) -> Tensor:
        """Tokens (..., n, width) to the same shape; options such as mask= reach the mixers."""
        for block in self.blocks:
            tokens = block(tokens, **options)
        return tokens


class _Watch:
    """Follows a constant sequence through a network, to the first module that tells rows apart."""

    def __init__(self, network: nn.Module) -> None:
        self._names = {module: name or "the module" for name, module in network.named_modules()}
        self._handles: list[Any] = []
        self._culprit: str | None = None
        self.row_sums: tuple[float, float] | None = None

    def __enter__(self) -> _Watch:
        for module in self._names:
            hook = module.register_forward_hook(self._look, with_kwargs=True)
            self._handles.append(hook)
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def reason(self, *, is_blind: bool) -> str:
        """Why the rows are equal, or which module made them differ."""
        if not is_blind:
            return self._culprit or (
                "the rows differ by less than a ten-billionth of their size, and no single module "
                "makes more of it"
            )
        if self.row_sums is None:
            return "every part maps equal rows to equal rows"
        low, high = self.row_sums
        return (
            "equal rows stay equal because in each attention matrix all rows have the same sum "
            f"(between {low:.15g} and {high:.15g} over layers and heads)"
        )

    def _look(self, module: nn.Module, inputs: Any, keywords: Any, output: Any) -> None:
        tokens = inputs[0] if inputs else None
        if not isinstance(tokens, Tensor) or not isinstance(output, Tensor) or tokens.dim() < 2:
            return
        if self._culprit is not None or not _is_constant(tokens):
            return
        sums = None
        if isinstance(module, MultiheadAttention | SelfAttention):
            sums = module.weights(*inputs, **keywords).sum(-1, keepdim=True)  # (..., h, n, 1)
            low, high = self.row_sums or (float("inf"), -float("inf"))
            self.row_sums = min(low, float(sums.min())), max(high, float(sums.max()))
        if not _is_constant(output):
            name = f"{self._names[module]} ({type(module).__name__})"
            how = self._how(module, tokens, sums)
            self._culprit = f"{name} is the first to tell equal rows apart: {how}"

    @staticmethod
    def _how(module: nn.Module, tokens: Tensor, sums: Tensor | None) -> str:
        core = module.attention if isinstance(module, SelfAttention) else module
        if sums is None or not isinstance(core, MultiheadAttention):
            return "its output depends on the position"
        if not _is_constant(core.position.tokens(tokens, 0)):
            return "its scheme adds a different vector to each token"
        if not _is_constant(sums):
            return (
                f"the row sums of its weights differ, from {float(sums.min()):.4g} to "
                f"{float(sums.max()):.4g}"
            )
        return "its row sums are equal, but its values depend on the offset"


def _is_constant(rows: Tensor) -> bool:
    return spread(rows) <= MODULE_TOLERANCE * float(rows.abs().max())


def _scheme_width(scheme: Position, heads: int) -> int:
    if scheme.head_width is not None:
        return heads * scheme.head_width
    return heads * DEFAULT_HEAD_WIDTH if scheme.width is None else scheme.width


def _input_width(network: nn.Module) -> int:
    matrices = (parameter for parameter in network.parameters() if parameter.dim() >= 2)
    matrix = next(matrices, None)
    return DEFAULT_HEAD_WIDTH if matrix is None else matrix.shape[1]

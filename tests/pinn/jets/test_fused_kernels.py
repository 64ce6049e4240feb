"""Kernels that Triton compiles for a card: the numbers of plain torch, with fewer launches.

On a card they run there. Elsewhere Triton's interpreter runs them on the CPU, in a process of its
own, because Triton reads TRITON_INTERPRET when it is imported.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pinn.jets import Jet, Operators, residual_jacobian, smooth
from pinn.jets.jet import Jet as JetType
from pinn.jets.kernels import bilinear, composition, contraction, fused, launching, wavelet
from pinn.jets.kernels.formulas import Program
from pinn.jets.kernels.launching import OPTIONS, Kernel, fuses, kernel_of
from pinn.jets.kernels.product_rule import product_rules
from pinn.jets.rules.arithmetic import compose
from sciformer.hardware import ACCELERATOR, DEVICES, PROCESSOR, Hardware
from tests.pinn.jets.networks import draw
from tests.pinn.jets.test_hardware import NETWORKS, burgers, gradient
from tests.pinn.jets.test_hardware import on as on_processor

HAS_TRITON = importlib.util.find_spec("triton") is not None
# Launches of a gradient of Burgers' residual at 50,000 points, of a transformer of two blocks.
MOST_FUSED = 400
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
IS_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
runs = pytest.mark.skipif(
    DEVICE == "cpu" and not IS_INTERPRETED, reason="needs a card, or Triton's interpreter"
)
SETS = [
    Operators(("x", "t"), ("x", "t-0.003xx")),
    Operators(("x",), ("xxxx",)),
    Operators(("x", "y", "t"), ("xx+yy", "xt", "y")),
    Operators(("x", "y"), ("xxx", "xyy")),
]
FUNCTIONS: dict[str, smooth.Smooth | Any] = {
    "tanh": smooth.TANH,
    "sigmoid": smooth.SIGMOID,
    "sin": smooth.Sine(),
    "cos": smooth.Cosine(),
    "exp": smooth.Exponential(),
    "log": smooth.Logarithm(),
    "erf": smooth.Erf(),
    "reciprocal": smooth.Power(-1.0),
    "root": smooth.Power(0.5),
    "cube": smooth.Power(3.0),
    "no line": smooth.Power(0.3),
    "masks": smooth.Softplus(1.0, 20.0),
}


@pytest.mark.skipif(DEVICE == "cuda" or IS_INTERPRETED, reason="the others run here")
def test_the_interpreter_agrees() -> None:
    pytest.importorskip("triton")
    words = [sys.executable, "-m", "pytest", "-v", "-x", "-n", "0", "-p", "no:cacheprovider"]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*words, str(Path(__file__).resolve())],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[Kernel]:
    """Kernels in the order of their launches."""
    found: list[Kernel] = []
    before = Kernel.launch_grid

    def noted(kernel: Kernel, *arguments: Any) -> bool:
        found.append(kernel)
        return before(kernel, *arguments)

    monkeypatch.setattr(Kernel, "launch_grid", noted)
    return found


def on(device: Hardware, work: Callable[[], Any]) -> Any:
    """What some work gives on a device of this kind."""
    before = DEVICES.get(DEVICE)
    DEVICES[DEVICE] = device
    try:
        return work()
    finally:
        DEVICES.pop(DEVICE)
        if before is not None:
            DEVICES[DEVICE] = before


def both(work: Callable[[], list[Tensor]], rtol: float = 1e-11) -> None:
    """The same numbers with fused kernels and in plain torch."""
    wanted, found = (on(device, work) for device in (PROCESSOR, ACCELERATOR))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=rtol * float(other.abs().max()))


def jet(operators: Operators, *shape: int, seed: int = 0, low: float = 0.5) -> JetType:
    """A jet of numbers in [low, low + 1], with derivatives of any sign."""
    generator = torch.Generator().manual_seed(seed)
    channels = torch.randn(len(operators), *shape, generator=generator, dtype=torch.float64)
    channels[0] = low + torch.rand(shape, generator=generator, dtype=torch.float64)
    return Jet(channels.to(DEVICE).requires_grad_(), operators)


def with_slopes(*jets: JetType, of: Callable[..., JetType]) -> list[Tensor]:
    """Channels of f(jets), and the cotangents of those of the jets."""
    channels = of(*jets).channels
    weights = torch.linspace(-1, 2, channels.numel(), dtype=torch.float64, device=DEVICE)
    total = (channels * weights.view_as(channels)).sum()
    return [channels.detach(), *torch.autograd.grad(total, [one.channels for one in jets])]


@runs
@pytest.mark.parametrize("operators", SETS, ids=lambda one: ",".join(one.names))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_smooth_function(operators: Operators, name: str, launches: list[Kernel]) -> None:
    """Kills: a term of Faà di Bruno's formula left out, a slope of the wrong order, a lost weight,
    a function without lines that is read as another."""
    x = jet(operators, 3, 5, 7)
    both(lambda: with_slopes(x, of=lambda one: compose(one, FUNCTIONS[name])))
    assert len(launches) == (0 if name in ("no line", "masks") else 2)


@runs
@pytest.mark.parametrize("operators", SETS[:2], ids=lambda one: ",".join(one.names))
def test_products(operators: Operators, launches: list[Kernel]) -> None:
    """Elementwise and summed, in either order, over all layouts of the axes.

    Kills: operands exchanged, a stride of another axis, a batch axis that is not broadcast.
    """
    x, y = jet(operators, 2, 3, 7), jet(operators, 2, 3, 7, seed=1)
    both(lambda: with_slopes(x, y, of=lambda a, b: a * b))
    left, right = jet(operators, 2, 2, 3, 5, seed=2), jet(operators, 2, 3, 1, 5, seed=3)
    both(lambda: with_slopes(left, right, of=lambda a, b: a @ b))
    turned = lambda a, b: b.transpose(-2, -1) @ a.transpose(-2, -1)  # noqa: E731
    both(lambda: with_slopes(left, right, of=turned))
    shared = jet(operators, 1, 3, 1, 5, seed=4)
    both(lambda: with_slopes(left, shared, of=lambda a, b: a @ b))
    assert len(launches) == 4 * 3


@runs
def test_more_points_than_a_program_has(launches: list[Kernel]) -> None:
    """Kills: a block of points that is left out, or read from the next row."""
    left, right = jet(SETS[0], 2, 1, 131, seed=2), jet(SETS[0], 1, 2, 131, seed=3)
    both(lambda: with_slopes(left, right, of=lambda a, b: a @ b))
    assert len(launches) == 3


@runs
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, dtype: torch.dtype) -> None:
    """Gradients and rows, the wavelet's coefficients among them. Kills: a cotangent of a sine that
    is added to the cosine's, float32 that is read as float64."""
    if IS_INTERPRETED and dtype == torch.float32:
        pytest.skip("numbers of single precision are the card's")
    network = NETWORKS[name]().to(DEVICE, dtype)
    points = draw(37, 2, 5).to(DEVICE, dtype)
    parameters = list(network.parameters())

    def gradient() -> list[Tensor]:
        rows = burgers(network)(points)
        return [torch.cat([g.flatten() for g in torch.autograd.grad(rows @ rows, parameters)])]

    rtol = 1e-11 if dtype == torch.float64 else 1e-4
    both(gradient, rtol)
    both(lambda: list(residual_jacobian(burgers(network), points, parameters)), rtol)


@runs
def test_points_that_fill_no_block(launches: list[Kernel]) -> None:
    """Kills: a mask left out, entries past 2^9 that are not reached."""
    for shape in ((1,), (1, 1), (511,), (3, 171), (2, 1025)):
        x = jet(SETS[0], *shape)
        both(lambda x=x: with_slopes(x, of=torch.tanh))  # type: ignore[misc]
    assert len(launches) == 10


@runs
def test_a_kernel_that_does_not_compile_is_left_alone() -> None:
    """Kills: a broken compiler that ends a training, a warning that comes at each launch."""
    broken = kernel_of("def kernel(x, entries):\n    tl.no_such_function(x)\n")
    x = torch.ones(3, device=DEVICE)
    with pytest.warns(RuntimeWarning, match="plain torch computes the same"):
        assert not broken.launch(3, x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not broken.launch(3, x)


@runs
def test_a_function_of_the_user_has_a_kernel_of_its_own(launches: list[Kernel]) -> None:
    """Equal parameters share a kernel, others do not; one that cannot be hashed gets none.

    Kills: a cache by the class alone.
    """

    @dataclass(frozen=True)
    class Scaled:
        factor: float

        def value(self, x: Tensor) -> Tensor:
            return self.factor * x * x

        def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
            zero = torch.zeros_like(x)
            return [2 * self.factor * x, zero + 2 * self.factor, *[zero] * order][:order]

    @dataclass
    class Open(Scaled.__mro__[1]):  # type: ignore[misc]
        factor: float
        value, derivatives = Scaled.value, Scaled.derivatives

    x = jet(SETS[0], 6)
    for function in (Scaled(2.0), Scaled(2.0), Scaled(3.0), Open(4.0)):
        both(lambda f=function: with_slopes(x, of=lambda one: compose(one, f)))  # type: ignore[misc]
    assert len(launches) == 6
    assert len(set(launches)) == 4


def written() -> dict[str, Kernel]:
    """A kernel of each kind."""
    heat, table = SETS[0], product_rules(SETS[0])[0].table
    made = {
        "wave": fused._wave(heat),
        "pull wave": fused._pull_wave(heat),
        "tanh": fused._compose(smooth.TANH, heat),
        "pull root": fused._pull(smooth.Power(-0.5), SETS[1]),
        "product": fused._multiply(table, len(heat)),
        "contraction": contraction._contract(table, len(heat)),
    }
    return {name: kernel for name, kernel in made.items() if kernel is not None}


@pytest.mark.skipif(IS_INTERPRETED, reason="the interpreter has no compiler")
@pytest.mark.parametrize("number", ["fp32", "fp64"])
@pytest.mark.parametrize("name", written() if HAS_TRITON else ["none"])
def test_kernels_compile_for_a_card(name: str, number: str) -> None:
    """To machine code of a Hopper card, which needs no card. Kills: a line that Triton's
    interpreter takes and its compiler does not, a constant of another precision."""
    pytest.importorskip("triton")
    from triton import compiler
    from triton.backends.compiler import GPUTarget

    function = written()[name]._function
    numbers = {"entries", *(part for part in function.arg_names if "_" in part)}
    signature = {part: "i32" if part in numbers else f"*{number}" for part in function.arg_names}
    constants = {}
    if name == "contraction":
        signature["j_size"], constants = "constexpr", {"j_size": 5}
    found = compiler.compile(
        compiler.ASTSource(function, signature, constants),
        target=GPUTarget("cuda", 90, 32),
        options=OPTIONS,
    )
    assert len(found.asm["cubin"]) > 0
    others = "f64" if number == "fp32" else "f32"
    assert f".{others}" not in re.sub(r"//.*", "", found.asm["ptx"]) or "sin" in found.asm["ptx"]


KEPT = (fused._compose, fused._pull, fused._wave, fused._pull_wave, fused._multiply)


class Counted:
    """Stands for a kernel where only launches are counted: it leaves numbers as they are."""

    total = 0

    def __init__(self, *arguments: Any) -> None:
        pass

    def launch(self, *arguments: Any) -> bool:
        Counted.total += 1
        return True

    launch_grid = launch


def counted(network: nn.Module, points: Tensor, monkeypatch: pytest.MonkeyPatch) -> int:
    """Launches of a loss gradient on a card with Triton, kernels of torch and of ours."""
    Counted.total = 0
    with monkeypatch.context() as patch:
        for module in (launching, contraction):
            patch.setattr(module, "kernel_of", Counted)
        for made in KEPT:  # a kernel that does nothing must not be kept
            patch.setattr(fused, made.__name__, made.__wrapped__)
        patch.setattr(contraction, "_contract", contraction._contract.__wrapped__)
        for module in (composition, bilinear, wavelet):
            patch.setattr(module, "fuses", lambda *tensors: True)
        _, launches = on_processor(ACCELERATOR, lambda: gradient(network, points))
    return int(launches.total + Counted.total)


@pytest.mark.skipif(IS_INTERPRETED, reason="kernels are kept by their text")
@pytest.mark.parametrize("name", NETWORKS)
def test_launches_of_a_loss_gradient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most MOST_FUSED at 50,000 points, and as many at 100.

    Kills: a rule that goes back to a product at a time, or to a loop over tokens.
    """
    network = NETWORKS[name]()
    few, many = (counted(network, draw(n, 2, 5), monkeypatch) for n in (100, 50_000))
    assert few == many <= MOST_FUSED


def test_symbols_write_each_line_once() -> None:
    """Kills: a number with a sign without brackets, a symbol changed through another name."""
    program = Program()
    x = program.symbol("x")
    one = x * 1.0
    one.mul_(x).add_(-2.0)
    again = (x * x) + -2.0
    assert one.name == again.name
    assert x.name == "t0"
    assert program.lines == ["t0 = x", "t1 = t0 * t0", "t2 = t1 + (-2.0)"]


def test_without_a_card_nothing_is_fused() -> None:
    if not IS_INTERPRETED:
        assert not on(ACCELERATOR, lambda: fuses(torch.ones(3)))
    assert not on(PROCESSOR, lambda: fuses(torch.ones(3, device=DEVICE)))
    assert not fuses(torch.ones(3, dtype=torch.int64, device=DEVICE))

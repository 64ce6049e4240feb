"""URPE attention beside fused attention and materialised RPE: one thread, 8 heads of 64, float32.

    python benchmarks/universal_attention.py

Times are medians over turns; in each turn a way runs twice, and its second run counts. Forward is
given as a ratio to `scaled_dot_product_attention` with a dense bias, forward and backward as a
ratio to RPE with its matrices materialised. Memory is the growth of the peak resident size of a
fresh process over one forward and backward pass.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor

from sciformer.attention import RelativeTable, Universal, attend
from sciformer.attention.cores import FusedLogSumExp, Materialised, RowBlocks, ToeplitzRows
from sciformer.attention.toeplitz import toeplitz
from sciformer.cli.console import print_table

HEADS, HEAD_WIDTH = 8, 64


def problem(n: int) -> tuple[list[Tensor], Universal]:
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(1, HEADS, n, HEAD_WIDTH, generator=generator) for _ in range(3)]
    position = Universal(RelativeTable(HEADS, n), HEADS, n)
    for table in position.parameters():
        torch.nn.init.normal_(table, generator=generator)
    return inputs, position


def seconds(run: Callable[[], object]) -> float:
    """Of the second of two runs: the first pays for memory that others gave back."""
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(
    reference: Callable[[], object], ways: Sequence[Callable[[], object]], repeats: int
) -> list[float]:
    """Median milliseconds of the reference, and median ratios of the ways to it.

    All take turns, so that a slow moment of the machine meets them alike.
    """
    rounds = [[seconds(run) for run in (reference, *ways)] for _ in range(repeats)]
    ratios = zip(*[[one / first for one in rest] for first, *rest in rounds], strict=True)
    milliseconds = 1e3 * statistics.median(first for first, *_ in rounds)
    return [milliseconds, *(statistics.median(ratio) for ratio in ratios)]


def forward_ratios(n: int, repeats: int) -> list[object]:
    """Fused attention with a bias, and what URPE costs beside it."""
    inputs, position = problem(n)
    with torch.no_grad():
        bias = toeplitz(position.base.table, n, n)[None].contiguous()
        ways = (
            lambda: attend(*inputs, position=position, core=ToeplitzRows()),
            lambda: attend(*inputs, position=position, core=RowBlocks()),
            lambda: attend(*inputs, position=position, core=FusedLogSumExp()),
        )
        return [
            n,
            *compare(
                lambda: functional.scaled_dot_product_attention(*inputs, attn_mask=bias),
                ways,
                repeats,
            ),
        ]


def relative_pass(n: int) -> Callable[[], object]:
    """Forward and backward of RPE, materialised."""
    inputs, position = problem(n)
    inputs = [part.requires_grad_() for part in inputs]
    table = position.base.table
    return lambda: torch.autograd.grad(
        attend(*inputs, position=position.base, core=Materialised()).sum(), [*inputs, table]
    )


def universal_pass(n: int) -> Callable[[], object]:
    """Forward and backward of URPE, row-blocked."""
    inputs, position = problem(n)
    inputs = [part.requires_grad_() for part in inputs]
    return lambda: torch.autograd.grad(
        attend(*inputs, position=position, core=ToeplitzRows()).sum(),
        [*inputs, *position.parameters()],
    )


def peak_growth(make: Callable[[int], Callable[[], object]], n: int) -> float:
    """MiB by which the peak resident size of a fresh process grows over one pass."""
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=_measure_peak, args=(make, n, queue))
    process.start()
    process.join()
    return float(queue.get())


def _measure_peak(
    make: Callable[[int], Callable[[], object]], n: int, queue: multiprocessing.SimpleQueue
) -> None:
    torch.set_num_threads(1)
    make(64)()
    run = make(n)
    before = _peak_kib()
    run()
    queue.put((_peak_kib() - before) / 1024)


def _peak_kib() -> int:
    """The peak resident size of this process alone; getrusage would inherit the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def main() -> None:
    torch.set_num_threads(1)
    rows = [forward_ratios(512, 25), forward_ratios(2048, 7)]
    print_table(rows, ["n", "fused forward ms", "Toeplitz rows", "row blocks", "log-sum-exp"])
    print()
    rows = []
    for n in (512, 2048):
        times = compare(relative_pass(n), [universal_pass(n)], 3)
        memory = peak_growth(relative_pass, n), peak_growth(universal_pass, n)
        rows.append([n, *times, *memory])
    print_table(rows, ["n", "RPE fwd+bwd ms", "URPE / RPE", "RPE MiB", "URPE MiB"])


if __name__ == "__main__":
    main()

"""Claims of papers on attention over many points, as far as one processor can measure them."""

from __future__ import annotations

import math

from sciformer.reproduce import (
    AtLeast,
    AtMost,
    Between,
    Claim,
    Effort,
    Experiment,
    Paper,
    Trial,
    Untestable,
)

A100 = "Needs the card of the paper."
BENCHMARK = "python -m benchmarks.attention_cores"


def lean_attention() -> Paper:
    """Lean Attention: any split of the keys is exact."""
    splits = Experiment(
        "lean-splits",
        _splits,
        "pytest tests/attention/test_parts.py",
        full=Effort(5, 0.05),
        quick=Effort(1, 0.05),
    )
    return Paper(
        "lean-attention",
        "Lean Attention: hardware-aware scalable attention for the decode phase",
        "arXiv 2405.10480",
        (
            Claim("attention by any split of the keys is exact (largest difference)", "abstract",
                  "exact", splits, "difference", AtMost(1e-12),
                  "Merged in any order; plain, causal, ALiBi and URPE with a signed gain, 300 "
                  "keys, double precision."),
            Untestable("2.6 times as fast as FlashAttention-2, 8.33 times at 512k keys",
                       "abstract", "2.6, 8.33", A100),
        ),
    )  # fmt: skip


def bytetransformer() -> Paper:
    """ByteTransformer: nothing is computed for padding."""
    packed = Experiment(
        "bytetransformer-packed",
        _packed,
        f"{BENCHMARK} ragged",
        full=Effort(3, 0.05),
        quick=Effort(1, 0.05),
    )
    return Paper(
        "bytetransformer",
        "ByteTransformer: a high-performance Transformer boosted for variable-length inputs",
        "arXiv 2210.03052, IPDPS 2023",
        (
            Claim("without padding faster than PyTorch, lengths of 0.6 of the longest, in %",
                  "abstract", "87", packed, "faster", AtLeast(87),
                  "One attention layer on one processor, in CPU time; the paper's is a whole BERT "
                  "on an A100 beside PyTorch's JIT."),
            Untestable("fused attention 6.13 times as fast as PyTorch's", "abstract", "6.13", A100),
        ),
    )  # fmt: skip


def masformer() -> Paper:
    """MASFormer: few layers see everything, the others a window."""
    spans = Experiment(
        "masformer-pairs",
        _mixed_spans,
        f"{BENCHMARK} reach",
        full=Effort(1, 0.05),
        quick=Effort(1, 0.05),
    )
    return Paper(
        "masformer",
        "Efficient long-range Transformers: you need to attend more, but not at every layer",
        "arXiv 2310.12442, EMNLP 2023 Findings",
        (
            Claim("pairs saved by a quarter of full layers, in %", "abstract", "up to 75", spans,
                  "saved", AtLeast(75),
                  "8,192 tokens, causal, a window of 512 (our choice); 75 is the limit of a window "
                  "without width."),
            Claim("a window visits its share of the pairs only (visited over needed)", "design",
                  "-", spans, "visited", AtMost(1.2),
                  "No number of the paper is known to us; the limit is our choice."),
            Untestable("a decoder of 1.3 B parameters as good as with full attention", "abstract",
                       "-", "Needs that decoder and days on a GPU."),
        ),
    )  # fmt: skip


def combiner() -> Paper:
    """Combiner: full attention through regions."""
    regions = Experiment(
        "combiner-regions",
        _regions,
        f"{BENCHMARK} regions",
        full=Effort(5, 0.05),
        quick=Effort(1, 0.05),
    )
    return Paper(
        "combiner",
        "Combiner: full attention Transformer with sparse computation cost",
        "arXiv 2107.05768, NeurIPS 2021",
        (
            Claim("order of the pairs in the length, blocks of its square root", "design",
                  "1.5", regions, "order", Between(1.45, 1.55)),
            Claim("full attention where it can be: regions of equal keys as published (largest "
                  "error)", "title", "0", regions, "published", AtMost(1e-12),
                  "The published region counts as one key, whatever its size."),
            Claim("the same with the logarithm of the size in the logit", "-", "-", regions,
                  "with_mass", AtMost(1e-12), "Ours."),
            Claim("error over our bound, keys without order", "-", "-", regions, "over_bound",
                  AtMost(1.0), "Ours; the paper has no bound."),
            Untestable("best results on autoregressive images and text", "abstract", "-",
                       "Needs their corpora and days on a GPU."),
        ),
    )  # fmt: skip


def _splits(trial: Trial) -> dict[str, float]:
    import torch

    from sciformer.attention import ALiBi, Causal, Part, Rotary, Universal, attend, merge, part

    generator = torch.Generator().manual_seed(trial.seed)
    n, worst = 300, 0.0
    signed = Universal(Rotary(), 2, n).double()
    torch.nn.init.normal_(signed.table, generator=generator)
    for position, mask in ((None, None), (None, Causal()), (ALiBi(2), Causal()), (signed, None)):
        query, key, value = (
            torch.randn(2, n, 8, generator=generator, dtype=torch.float64) for _ in range(3)
        )
        cuts = torch.randperm(n - 1, generator=generator)[:7].add(1).sort().values.tolist()
        parts: list[Part] = []
        with torch.no_grad():
            for start, stop in zip([0, *cuts], [*cuts, n], strict=True):
                some = key[:, start:stop], value[:, start:stop]
                parts.append(part(query, *some, position=position, mask=mask, key_start=start))
            while len(parts) > 1:
                first, second = torch.randperm(len(parts), generator=generator)[:2].sort().values
                parts.append(merge(parts.pop(int(second)), parts.pop(int(first))))
            whole = attend(query, key, value, position=position, mask=mask)
        worst = max(worst, float((parts[0].output - whole).abs().max()))
    return {"difference": worst}


def _packed(trial: Trial) -> dict[str, float]:
    import statistics
    import time

    import torch

    from sciformer.attention import MultiheadAttention, Padding, Ragged, attend_ragged

    generator = torch.Generator().manual_seed(trial.seed)
    longest = 1024
    # Uniform from a fifth of the longest on, so that their mean is 0.6 of it.
    drawn = torch.randint(longest // 5, longest + 1, (15,), generator=generator)
    lengths = (longest, *(int(length) for length in drawn))
    layer = MultiheadAttention(64, 4)
    sequences = Ragged(torch.randn(sum(lengths), 64, generator=generator), lengths)
    padded, exists = sequences.padded()
    ratios = []
    with torch.no_grad():
        for _ in range(4):  # the first warms up
            start = time.process_time()
            attend_ragged(layer, sequences)
            middle = time.process_time()
            layer(padded, mask=Padding(exists))
            ratios.append((time.process_time() - middle) / (middle - start))
    return {"faster": 100 * (statistics.median(ratios[1:]) - 1)}


def _mixed_spans(trial: Trial) -> dict[str, float]:
    from sciformer.attention import Causal, NoPosition, Patch, Scoring, Window
    from sciformer.attention.cores import RowBlocks

    n, window, layers, full = 8192, 512, 24, 6
    needed = window * (window + 1) // 2 + (n - window) * (window + 1)

    def pairs(mask: Causal | Window) -> int:
        return RowBlocks().pairs(Scoring(Patch(n, n), n, NoPosition(), mask))

    mixed = full * pairs(Causal()) + (layers - full) * pairs(Window(window))
    return {
        "saved": 100 * (1 - mixed / (layers * pairs(Causal()))),
        "visited": pairs(Window(window)) / needed,
    }


def _regions(trial: Trial) -> dict[str, float]:
    import torch

    from sciformer.attention import NoPosition, Patch, Scoring, attend, certified_attend
    from sciformer.attention.cores import LearnedMass, Regions

    generator = torch.Generator().manual_seed(trial.seed)
    n, block = 256, 16
    query, key, value = (
        torch.randn(1, n, 8, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    equal = key[:, ::block].repeat_interleave(block, 1)

    def pairs(length: int) -> int:
        scoring = Scoring(Patch(length, length), length, NoPosition())
        return Regions(math.isqrt(length)).pairs(scoring)

    with torch.no_grad():
        exact = attend(query, equal, value)
        errors = [
            float((attend(query, equal, value, core=core) - exact).abs().max())
            for core in (Regions(block, LearnedMass(1).double()), Regions(block))
        ]
        found = certified_attend(query, key, value, core=Regions(block))
        apart = (found.output - attend(query, key, value)).norm(dim=-1)
    return {
        "order": math.log(pairs(16384) / pairs(1024), 16),
        "published": errors[0],
        "with_mass": errors[1],
        "over_bound": float((apart / found.bound).max()),
    }

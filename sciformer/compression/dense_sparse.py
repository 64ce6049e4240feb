"""Linear maps as a dense times a sparse factor: each column of W from a few columns of D."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from sciformer.compression.edits import SPARSE
from sciformer.compression.factorisation import Factorisation, Option
from sciformer.compression.factorise import dense_sparse
from sciformer.mixers import Convolution

# Sizes that are tried: more of either lower the error of a budget by less than a hundredth.
RANKS, DENSITIES = 8, (1 / 6, 1 / 3, 1 / 2, 3 / 4)
# Turns of choosing rows and fitting D; the first two take nearly all of the error that turns take.
TURNS = 2
# Steps of a pursuit: for more non-zeros than that, several rows are chosen at once.
STEPS = 8
# Added to products of columns of length 1, so that two equal columns of D can be solved for: far
# above their rounding of 1e-16 times s, far below what a weight means.
RIDGE = 1e-13


class DenseSparse(Factorisation):
    """W = D S, D (e, r) dense, S (r, d) with exactly s weights in every column.

    A map costs r e + s d products. Rows are chosen by matching pursuit, D by least squares, in
    turns, and the best pair is kept.

    Source: Chand et al. 2023, "DSFormer" (arXiv 2312.13211), for the form; Tropp and Gilbert 2007
        for the pursuit; Wang, Kwon, Shim 2012 for several rows a step.
    Deviates: the paper keeps a free W in training and factorises it in each forward pass; here the
        rows stay and their values are trained.
    """

    def options(self, stage: nn.Linear | Convolution) -> list[Option]:
        weight = stage.weight.detach().flatten(1).double()
        size = weight.square().sum().clamp(min=torch.finfo(torch.float64).tiny)
        found = []
        for rank, nonzeros in _sizes(min(weight.shape)):
            products = rank * weight.shape[0] + nonzeros * weight.shape[1]
            if products >= weight.numel():
                continue
            pair = pursue(weight, rank, nonzeros)
            found.append(
                Option(
                    products,
                    float((weight - pair.product).square().sum() / size),
                    (SPARSE, rank, nonzeros),
                    partial(dense_sparse, stage, pair.dictionary, pair.rows, pair.values),
                )
            )
        return found


@dataclass(frozen=True)
class Pair:
    """Factors of a matrix (e, d).

    Attributes:
        dictionary: D, (e, r).
        rows: where the weights of each column of S stand, (s, d), int64.
        values: those weights, (s, d).
    """

    dictionary: Tensor
    rows: Tensor
    values: Tensor

    @property
    def sparse(self) -> Tensor:
        """S, (r, d)."""
        empty = self.values.new_zeros(self.dictionary.shape[1], self.values.shape[1])
        return empty.scatter(0, self.rows, self.values)

    @property
    def product(self) -> Tensor:
        """D S, (e, d)."""
        return self.dictionary @ self.sparse


def pursue(weight: Tensor, rank: int, nonzeros: int, turns: int = TURNS) -> Pair:
    """The best pair of factors found in a number of turns, from singular vectors on.

    With `nonzeros` = `rank` it is the cut of that rank, which no pair beats.

    Args:
        weight: (e, d), float64.
        rank: r, 1 .. min(e, d).
        nonzeros: s, 1 .. r.
        turns: fits of D, each followed by another choice of rows.
    """
    left, sizes, _ = torch.linalg.svd(weight, full_matrices=False)
    best = _chosen(left[:, :rank] * sizes[:rank], weight, nonzeros)
    pair, error = best, float((weight - best.product).norm())
    for _ in range(turns):
        dictionary = weight @ torch.linalg.pinv(pair.sparse)
        pair = _chosen(dictionary, weight, nonzeros)
        if (now := float((weight - pair.product).norm())) < error:
            best, error = pair, now
    return best


def _sizes(most: int) -> list[tuple[int, int]]:
    """Ranks and non-zeros to try, up to a rank."""
    grid = torch.logspace(0, torch.log10(torch.tensor(float(most))).item(), RANKS)
    ranks = sorted({int(rank) for rank in grid.round()})
    pairs = {(rank, max(1, round(share * rank))) for rank in ranks for share in DENSITIES}
    return sorted(pairs)


def _chosen(dictionary: Tensor, weight: Tensor, nonzeros: int) -> Pair:
    """Rows and values of S by pursuit, all columns at once; the columns of D have length 1 then."""
    norms = dictionary.norm(dim=0).clamp(min=torch.finfo(weight.dtype).tiny)
    dictionary = dictionary / norms
    gram, target = dictionary.T @ dictionary, dictionary.T @ weight  # (r, r), (r, d)
    rows, values = target.new_zeros(0, weight.shape[1]).long(), target.new_zeros(0, weight.shape[1])
    at_once = -(-nonzeros // STEPS)
    while len(rows) < nonzeros:
        rest = target - gram @ target.new_zeros(target.shape).scatter(0, rows, values)
        score = rest.abs().scatter(0, rows, -1.0)
        more = score.topk(min(at_once, nonzeros - len(rows)), dim=0).indices
        rows = torch.cat([rows, more])
        values = _fitted(gram, target, rows)
    return Pair(dictionary, rows, values)


def _fitted(gram: Tensor, target: Tensor, rows: Tensor) -> Tensor:
    """The values at some rows of each column that are nearest to it, (s, d)."""
    places = rows.T  # (d, s)
    matrices = gram[places[:, :, None], places[:, None, :]]
    sides = target.T.gather(1, places)[..., None]
    matrices = matrices + RIDGE * torch.eye(len(rows), dtype=gram.dtype, device=gram.device)
    fitted: Tensor = torch.cholesky_solve(sides, torch.linalg.cholesky(matrices))
    return fitted[..., 0].T

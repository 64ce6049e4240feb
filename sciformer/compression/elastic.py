"""One model of many widths: its first units are trained to be models by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sciformer.compression.prune import PlainCut, Prune
from sciformer.compression.sites import Site, sites
from sciformer.compression.transformation import Task
from sciformer.mixers.normalisation import BatchNorm

# Widths that take turns in training, as in the paper: all units, a half, a quarter, an eighth.
SHARES = (1.0, 1 / 2, 1 / 4, 1 / 8)


class Elastic(PlainCut):
    """Reduction to the first units of every place, after a training in which every width took a
    turn.

    `prepare` puts the most important units of each place first and changes nothing else; inside
    `training` a step of training is one of a width that is drawn, the same share everywhere. Then
    any budget is met by a cut, and the smaller models are slices of the larger ones.

    Source: Devvrit et al. 2023, "MatFormer" (arXiv 2310.07707); units in order of importance as
        in Cai et al. 2020, "Once-for-all".
    Deviates: heads and memory channels are nested too, not hidden units alone; one width a step is
        drawn. Statistics of normalisations are those of the whole model until a cut measures them.
    """

    trains_first = True

    def prepare(self, model: nn.Module, task: Task) -> None:
        scores = Prune().scores(model, task)
        for site in sites(model):
            site.keep(scores[site.name].argsort(descending=True, stable=True))

    @contextmanager
    def training(self, model: nn.Module) -> Iterator[None]:
        places = [_Narrow(site) for site in sites(model)]
        norms = {m: m.momentum for m in model.modules() if isinstance(m, BatchNorm)}
        readers = [site.reader for site in sites(model)]

        def draw(module: nn.Module, _: Any) -> None:
            index = int(torch.randint(len(SHARES), ())) if module.training else 0
            for place in places:
                place.index = index
            for norm, momentum in norms.items():
                norm.momentum = 0.0 if index else momentum

        for reader, place in zip(readers, places, strict=True):
            parametrize.register_parametrization(reader, "weight", place)
        handle = model.register_forward_pre_hook(draw)
        try:
            yield
        finally:
            handle.remove()
            for reader in readers:
                parametrize.remove_parametrizations(reader, "weight", leave_parametrized=False)
            for norm, momentum in norms.items():
                norm.momentum = momentum


def kept(count: int, share: float) -> int:
    """Number of units in a share of them: at least one."""
    return max(1, round(share * count))


class _Narrow(nn.Module):
    """Zeros in place of the weights that read the last units, which is as good as their removal."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.index = 0
        self.masks = [torch.ones_like(site.reader_weight) for _ in SHARES]
        for mask, share in zip(self.masks, SHARES, strict=True):
            site.by_unit(mask)[kept(site.count, share) :] = 0

    def forward(self, weight: Tensor) -> Tensor:
        """The weight of the present width."""
        return weight * self.masks[self.index] if self.index else weight

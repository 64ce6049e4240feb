"""Changes of an architecture as data, from which a saved model is rebuilt before its weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from sciformer.compression.factorise import dense_sparse, factorisable, low_rank, put
from sciformer.compression.sites import sites
from sciformer.errors import DataError

UNITS, RANK, SPARSE = "units", "rank", "sparse"


@dataclass(frozen=True)
class Edit:
    """One place of a model that became smaller.

    Attributes:
        kind: "units" of a site, "rank" of a map, or "sparse" for a dense times a sparse map.
        place: name of the site or of the map.
        size: units that are left, or the rank.
        nonzeros: weights in every column of a sparse map; 0 where there is none.

    Examples:
        >>> from sciformer.compression import Edit
        >>> Edit("rank", "0", 2)  # the map called 0, as a product of two of rank 2
        Edit(kind='rank', place='0', size=2, nonzeros=0)
    """

    kind: str
    place: str
    size: int
    nonzeros: int = 0


def rebuild(model: nn.Module, edits: Iterable[Edit]) -> None:
    """Gives a fresh model the shape that edits made; its weights are arbitrary afterwards.

    Raises:
        DataError: an edit that does not fit the model.

    Examples:
        >>> from torch import nn
        >>> from sciformer.compression import Edit, rebuild
        >>> from sciformer.compression.sites import sites
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> rebuild(model, [Edit("units", sites(model)[0].name, 3)])
        >>> [tuple(w.shape) for w in model.parameters()]
        [(3, 4), (3,), (2, 3), (2,)]
    """
    for edit in edits:
        if edit.kind == UNITS:
            site = {site.name: site for site in sites(model)}.get(edit.place)
            if site is None or not 0 < edit.size < site.count:
                raise _misfit(edit)
            site.keep(torch.arange(edit.size))
        else:
            put(model, edit.place, _pair(model, edit))


def _pair(model: nn.Module, edit: Edit) -> nn.Module:
    """Two maps in place of one, of the sizes of an edit."""
    stage = factorisable(model).get(edit.place)
    if stage is None or not 0 < edit.size <= min(stage.weight.flatten(1).shape):
        raise _misfit(edit)
    if edit.kind == RANK:
        return low_rank(stage, edit.size)
    if edit.kind != SPARSE or not 0 < edit.nonzeros <= edit.size:
        raise _misfit(edit)
    weight = stage.weight.detach().flatten(1)
    rows = torch.arange(edit.nonzeros).view(-1, 1).expand(-1, weight.shape[1])
    values = weight.new_zeros(rows.shape)
    return dense_sparse(stage, weight.new_zeros(len(weight), edit.size), rows, values)


def _misfit(edit: Edit) -> DataError:
    return DataError(
        f"compression: the model has no place for {edit.kind} {edit.size} at {edit.place[:60]!r}; "
        "the run was made by another version, or damaged."
    )

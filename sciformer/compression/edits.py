"""Changes of an architecture as data, by which a saved model is built again before its weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from sciformer.compression.factorise import factorisable, factorise
from sciformer.compression.sites import sites
from sciformer.errors import DataError

UNITS, RANK = "units", "rank"


@dataclass(frozen=True)
class Edit:
    """One place of a model that became smaller.

    Attributes:
        kind: "units" of a site, or "rank" of a map.
        place: name of the site or of the map.
        size: units that are left, or the rank.
    """

    kind: str
    place: str
    size: int


def rebuild(model: nn.Module, edits: Iterable[Edit]) -> None:
    """Gives a fresh model the shape that edits made; its weights are arbitrary afterwards.

    Raises:
        DataError: an edit that does not fit the model.
    """
    for edit in edits:
        if edit.kind == UNITS:
            site = {site.name: site for site in sites(model)}.get(edit.place)
            if site is None or not 0 < edit.size < site.count:
                raise _misfit(edit)
            site.keep(torch.arange(edit.size))
        else:
            linear = factorisable(model).get(edit.place)
            largest = 0 if linear is None else min(linear.weight.flatten(1).shape)
            if edit.kind != RANK or not 0 < edit.size <= largest:
                raise _misfit(edit)
            factorise(model, edit.place, edit.size)


def _misfit(edit: Edit) -> DataError:
    return DataError(
        f"compression: the model has no place for {edit.kind} {edit.size} at {edit.place[:60]!r}; "
        "the run was made by another version, or damaged."
    )

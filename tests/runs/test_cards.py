"""Several processes on cards: what is told to torch, on a machine that may have none."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sciformer.runs import processes
from sciformer.runs.processes import Group, backends


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two cards that are not there; gives the numbers that were taken."""
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    return taken


def test_cards_sum_by_nccl(cards: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process takes a card of its own. Kills: gloo for all, card 0 for everybody."""
    assert backends() == "cpu:gloo,cuda:nccl"
    for place in ("0", "1", "2"):
        monkeypatch.setenv("LOCAL_RANK", place)
        processes._take_card()
    monkeypatch.delenv("LOCAL_RANK")
    processes._take_card()
    assert cards == [0, 1, 0]


def test_without_cards_all_is_gloo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert backends() == "gloo"


@pytest.mark.parametrize("has_nccl", [True, False])
def test_a_message_stays_where_its_parts_are(
    has_nccl: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a copy to the host where NCCL could sum, one that is left out where it cannot."""
    backend = "cpu:gloo,cuda:nccl" if has_nccl else "gloo"
    seen: list[str] = []

    class OfCard(torch.Tensor):
        """A tensor on the CPU that says it is on a card, and that its copy is not."""

        @property
        def device(self) -> Any:  # type: ignore[override]
            return torch.device("cuda")

    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_backend_config", lambda: backend)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda m: seen.append(type(m).__name__))
    monkeypatch.setattr(OfCard, "cpu", lambda tensor: tensor.as_subclass(torch.Tensor))
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_, **__: tensor)
    parts = [torch.ones(2).as_subclass(OfCard), torch.ones(()).as_subclass(OfCard)]
    found = Group().total(*parts)
    assert seen == ["OfCard" if has_nccl else "Tensor"]
    assert [tuple(part.shape) for part in found] == [(2,), ()]

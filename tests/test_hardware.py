"""Sizes of blocks by hand: at least one, never more than there is, and no more than fits."""

from __future__ import annotations

import pytest
import torch

from sciformer import hardware as hardware_module
from sciformer.hardware import (
    ACCELERATOR,
    FALLBACK,
    PROCESSOR,
    free_memory,
    hardware,
    physical_memory,
    usable_memory,
)


def test_blocks_of_a_processor_are_fixed_and_of_an_accelerator_what_fits() -> None:
    """Kills: the larger of two sizes, a block of nothing, memory of a processor that counts."""
    assert [PROCESSOR.entries(n) for n in (0, 5, 10**9)] == [1, 5, 1 << 17]
    assert [ACCELERATOR.entries(n) for n in (0, 10**9)] == [1, 10**9]
    assert [PROCESSOR.points(n, 8, 8) for n in (0, 100, 10**6)] == [1, 100, 512]
    assert [ACCELERATOR.points(n, 8, 8000) for n in (0, 100, 10**6)] == [1, 100, 1000]
    assert ACCELERATOR.points(10**6, 8, 7) == 1
    assert ACCELERATOR.points(10**6, 0, 500) == 500
    assert ACCELERATOR.points(10**6, 8, None) == 10**6
    assert PROCESSOR.pairs(10**9, 1, 1) == 1 << 19
    assert ACCELERATOR.pairs(10**9, 10, 1000) == 100
    assert PROCESSOR.neurons(10**9, 1 << 10, 1, 1) == 1 << 13
    assert PROCESSOR.neurons(10**9, 0, 1, 1) == 1 << 23
    assert PROCESSOR.neurons(10**9, 1 << 30, 1, 1) == 1
    assert ACCELERATOR.neurons(10**9, 1 << 10, 100, 5000) == 50


def test_what_is_no_processor_is_an_accelerator() -> None:
    assert hardware(torch.device("cpu")) is PROCESSOR
    for kind in ("cuda", "mps", "xpu"):
        assert hardware(torch.device(kind)) is ACCELERATOR
    assert ACCELERATOR.prefers_few_launches
    assert not PROCESSOR.prefers_few_launches


def test_memory_that_torch_keeps_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of 1000 free and 300 - 100 kept. Kills: all of it, the total, what is allocated."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 50_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100)
    assert free_memory(torch.device("cuda")) == 600
    assert usable_memory(torch.device("cuda")) == 600
    assert free_memory(torch.device("cpu")) is None
    monkeypatch.setattr(hardware_module, "physical_memory", lambda: 4000)
    assert usable_memory(torch.device("cpu")) == 2000


def test_a_system_that_does_not_tell_its_memory_has_some(monkeypatch: pytest.MonkeyPatch) -> None:
    assert physical_memory() > 1 << 28

    def untold(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(hardware_module.os, "sysconf", untold)
    assert physical_memory() == FALLBACK
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(hardware_module.os, "sysconf", sizes.__getitem__)
    assert physical_memory() == 4_096_000

"""The filter: its laws in time, its limits in noise, and that it learns."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinn.sensing.baselines import GappyPOD, error
from pinn.sensing.comparison import LEARNED, Outcome, compare, milliseconds, verdict
from pinn.sensing.filter import SensorFilter, Sizes
from pinn.sensing.learning import learn_sensors
from pinn.sensing.noise_level import NoiseLevel
from pinn.sensing.practice import Schedule
from pinn.sensing.record import Corruption, Readings, Record
from pinn.sensing.sensed import SensedFlow
from sciformer.errors import DataError, ShapeError, UnknownNameError, UsageError
from sciformer.mixers.protocol import map_state
from tests.pinn.sensing.conftest import FEW, SMALL

MIXERS = ("lmu", "attention", "window", "linear", "urpe")


def made(mixer: str = "lmu", seed: int = 0, readings: int = 12, rank: int = 4) -> SensorFilter:
    """A filter whose forecast is not 0."""
    generator = torch.Generator().manual_seed(seed)
    seen = torch.randn(readings, rank, generator=generator, dtype=torch.float64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SensorFilter(seen, Sizes(mixer, width=16, heads=2, order=4, window=6), 40)
        torch.nn.init.normal_(network.head.weight, std=0.3)
    return network.requires_grad_(False)


def stream(seed: int, frames: int = 20, readings: int = 12) -> tuple[Tensor, Tensor]:
    """Random readings, some absent."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, frames, readings, generator=generator, dtype=torch.float64)
    return values, torch.rand(values.shape, generator=generator) < 0.8


def by_steps(network: SensorFilter, values: Tensor, present: Tensor) -> Tensor:
    """The same frame by frame."""
    state, found = network.init_state(len(values)), []
    for v, there in zip(values.unbind(1), present.unbind(1), strict=True):
        a, _, state = network.step(v, there, state)
        found.append(a)
    return torch.stack(found, 1)


@pytest.mark.parametrize("mixer", MIXERS)
def test_a_stream_is_the_whole_sequence(mixer: str) -> None:
    """Kills: a forecast of the same frame, evidence that is not carried, a shift by one frame."""
    network = made(mixer)
    values, present = stream(1)
    whole, _, last = network(values, present)
    torch.testing.assert_close(by_steps(network, values, present), whole, rtol=1e-9, atol=1e-10)
    first, _, state = network(values[:, :7], present[:, :7])
    rest, _, end = network(values[:, 7:], present[:, 7:], state)
    torch.testing.assert_close(torch.cat([first, rest], 1), whole, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(end[1], last[1], rtol=1e-9, atol=1e-10)


@given(seed=st.integers(0, 10_000), cut=st.integers(0, 18))
@settings(max_examples=15, deadline=None)
def test_later_frames_and_absent_readings_are_never_read(seed: int, cut: int) -> None:
    """Kills: a mask that multiplies, a mixer that is not causal, evidence of a whole stream."""
    network = made(seed=seed % 7)
    values, present = stream(seed)
    whole, _, _ = network(values, present)
    other = values.clone()
    other[~present] = float("nan")
    same, _, _ = network(other, present)
    assert torch.equal(same, whole)
    other = values.clone()
    other[:, cut + 1 :] = 7.0
    torch.testing.assert_close(network(other, present)[0][:, : cut + 1], whole[:, : cut + 1])


def test_the_answer_does_not_depend_on_when_the_stream_begins(sensed: SensedFlow) -> None:
    """Kills: a counter of frames that the answer knows, a state that reset forgets to forget."""
    frames = np.random.default_rng(0).normal(size=(9, 6, 2))
    one = sensed.stream(sensed.places)
    first = [one.push(frame)["u"] for frame in frames]
    one.reset()
    again = [one.push(frame)["u"] for frame in frames]
    np.testing.assert_array_equal(first, again)
    assert one.frames == 9


def test_an_untrained_filter_is_the_best_linear_estimate() -> None:
    """Kills: a prior of another size, noise that is not squared.

    The oracle is the conditional mean of Gaussians, by the inverse of the readings' covariance."""
    network = made()
    torch.nn.init.zeros_(network.head.weight)
    values, present = stream(3, frames=1)
    found, alone, (evidence, _, _) = network(values, present)
    sigma = network.noise.sigma(evidence)
    for row in range(2):
        there = present[row, 0]
        h, y = network.seen[there], values[row, 0, there]
        covariance = h @ h.T + sigma[row] ** 2 * torch.eye(len(y), dtype=torch.float64)
        wanted = h.T @ torch.linalg.solve(covariance, y)
        torch.testing.assert_close(found[row, 0], wanted, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(found, alone)


def test_without_readings_the_answer_is_the_forecast() -> None:
    """Kills: an analysis that pulls to the mean where nothing is known."""
    network = made()
    values, present = stream(4)
    _, _, state = network(values, present)
    nothing = torch.zeros(2, 12, dtype=torch.bool)
    found, _, _ = network.step(torch.full((2, 12), float("nan")).double(), nothing, state)
    torch.testing.assert_close(found, state[1][:, :4], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sigma", [3e-4, 0.01, 0.1])
@pytest.mark.parametrize("failed", [0, 3])
def test_the_noise_of_a_stream_is_found(sigma: float, failed: int) -> None:
    """Kills: absent readings that count as readings of 0, a variance for a deviation."""
    generator = torch.Generator().manual_seed(1)
    seen = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    noise = NoiseLevel(seen)
    a = torch.randn(1, 60, 4, generator=generator, dtype=torch.float64)
    e = torch.randn(1, 60, 12, generator=generator, dtype=torch.float64)
    values, present = a @ seen.T + sigma * e, torch.ones(1, 60, 12, dtype=torch.bool)
    present[..., :failed] = False
    values[..., :failed] = 0.0
    trace = noise.whole(noise.init_state(1), noise.evidence(values, present))
    assert float(noise.sigma(trace)[0, -1]) == pytest.approx(sigma, rel=0.12)


def test_evidence_is_the_likelihood_of_gaussians() -> None:
    """Kills: a log determinant of other readings. The oracle is torch's own density."""
    generator = torch.Generator().manual_seed(2)
    seen = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    noise = NoiseLevel(seen)
    values = torch.randn(5, generator=generator, dtype=torch.float64)
    present = torch.tensor([True, False, True, True, True])
    found = noise.evidence(torch.where(present, values, 0.0), present)
    h = seen[present]
    wanted = []
    for level in noise.levels.exp():
        covariance = h @ h.T + level**2 * torch.eye(4, dtype=torch.float64)
        if level > 0.01:  # below, the density itself has lost its digits
            normal = torch.distributions.MultivariateNormal(torch.zeros(4).double(), covariance)
            wanted.append(normal.log_prob(values[present]) + 2 * np.log(2 * np.pi))
    torch.testing.assert_close(found[-len(wanted) :], torch.stack(wanted), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("mixer", ["lmu", "window", "linear"])
def test_a_long_stream_takes_no_more_memory(record: Record, mixer: str) -> None:
    """Kills: a history that is kept, a cache of masks without a bound."""
    network = made(mixer)
    sizes = []

    def count(tensor: Tensor) -> Tensor:
        sizes[-1] += tensor.numel()
        return tensor

    values, present = stream(5, frames=40)
    state = network.init_state(2)
    for v, there in zip(values.unbind(1), present.unbind(1), strict=True):
        _, _, state = network.step(v, there, state)
        sizes.append(0)
        map_state(count, state)
    assert sizes[-1] == sizes[10]


def test_memory_of_a_stream_with_answers(sensed: SensedFlow) -> None:
    """Kills: fields of all frames that are kept."""
    one = sensed.stream(sensed.setup.modes.points)
    frame = np.zeros((6, 2))
    for _ in range(20):
        one.push(frame)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(60):
        one.push(frame)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


def test_mixers_that_read_later_frames_are_refused(record: Record) -> None:
    for mixer in ("latents", "regions", "slices"):
        with pytest.raises(UsageError, match="reads later frames"):
            made(mixer)
    with pytest.raises(UnknownNameError, match="Did you mean 'lmu'"):
        made("lmuu")


def test_learning_makes_use_of_the_past(record: Record) -> None:
    """Kills: steps that go uphill, targets of another frame, a network that is not kept.

    Three sensors hardly determine four modes, so that most of a noisy answer is the past."""
    schedule = Schedule(batch=8, length=30, rate=1e-2, quietest=0.05, noisiest=0.3, steps=150)
    sensed = learn_sensors(record, sensors=3, sizes=SMALL, schedule=schedule, seed=1)
    _, later = record.split(0.6)
    for corruption in (Corruption(0.1), Corruption(0.1, 1)):
        readings = corruption.read(later, sensed.setup.sensors, sensed.setup.modes.reading_size, 9)
        rows, present = sensed.setup.rows(readings)
        _, alone, _ = sensed.network(
            (torch.from_numpy(rows) - sensed.mean)[None], torch.from_numpy(present)[None]
        )
        linear = (alone[0] * sensed.sizes).numpy()
        before, after = (
            error(sensed.setup.modes, later, a).total for a in (linear, sensed(readings))
        )
        assert after < 0.7 * before
    assert sensed.about["validation"] < 0.5


def test_as_noise_vanishes_the_answer_is_the_fit(sensed: SensedFlow, record: Record) -> None:
    """Kills: a forecast that is believed against clean readings."""
    _, later = record.split(0.6)
    readings = Corruption(0.0, 1).read(
        later, sensed.setup.sensors, sensed.setup.modes.reading_size, 0
    )
    modes = sensed.setup.modes
    gappy = error(modes, later, GappyPOD(sensed.setup, 4)(readings)).total
    assert gappy < 1e-9
    assert error(modes, later, sensed(readings)).total < 1e-3


def test_two_trainings_of_a_seed_are_the_same(record: Record, sensed: SensedFlow) -> None:
    """Kills: randomness that no seed governs."""
    again = learn_sensors(record, sensors=6, sizes=SMALL, schedule=FEW, seed=1)
    np.testing.assert_array_equal(again.setup.sensors, sensed.setup.sensors)
    for one, other in zip(again.network.parameters(), sensed.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_pushing_frames_is_answering_the_record(sensed: SensedFlow, record: Record) -> None:
    """Kills: sensors in another order, fields at other points, units that are lost on the way."""
    _, later = record.split(0.6)
    readings = Corruption(0.02, 1).read(
        later, sensed.setup.sensors, sensed.setup.modes.reading_size, 2
    )
    whole = sensed.setup.modes.fields(sensed(readings))
    one = sensed.stream()
    for t, frame in enumerate(readings.values):
        fields = one.push(frame)
        for k, name in enumerate(record.names):
            np.testing.assert_allclose(fields[name], whole[k, :, t], rtol=1e-6, atol=1e-8)
    assert one.noise == pytest.approx(0.02, rel=0.3)
    assert one.doubts == ()


def test_a_stream_goes_on_from_a_saved_state(sensed: SensedFlow, tmp_path: Path) -> None:
    """Kills: evidence or a forecast that is not saved, a state of other weights that is taken."""
    frames = np.random.default_rng(1).normal(size=(8, 6, 2))
    one, other = sensed.stream(sensed.places), sensed.stream(sensed.places)
    for frame in frames[:5]:
        one.push(frame)
    one.save(tmp_path / "state.safetensors")
    other.load(tmp_path / "state.safetensors")
    assert other.frames == 5
    for frame in frames[5:]:
        np.testing.assert_array_equal(one.push(frame)["p"], other.push(frame)["p"])
    sensed.network.head.bias[0] += 1.0
    try:
        with pytest.raises(DataError, match="no state of this run"):
            sensed.stream(sensed.places).load(tmp_path / "state.safetensors")
    finally:
        sensed.network.head.bias[0] -= 1.0


def test_what_cannot_be_trusted_is_said(sensed: SensedFlow, record: Record) -> None:
    """Kills: another flow, or silence, that is answered calmly."""
    one = sensed.stream(sensed.places)
    with pytest.raises(ShapeError, match="expects u and v of each sensor"):
        one.push(np.zeros((5, 2)))
    with pytest.raises(DataError, match="infinite"):
        one.push(np.full((6, 2), np.inf))
    assert one.frames == 0
    one.push(np.full((6, 2), np.nan))
    assert "0% of the readings" in one.doubts[0]
    generator = np.random.default_rng(0)
    for _ in range(5):
        one.push(3 * generator.normal(size=(6, 2)))
    assert "another flow" in one.doubts[0]


def test_a_comparison_and_its_verdict(sensed: SensedFlow, record: Record) -> None:
    """Kills: methods that read other noise, a verdict that does not follow from the errors."""
    corruptions = [Corruption(), Corruption(0.05)]
    found = compare(sensed, record, corruptions, draws=2)
    assert len(found) == 4 * len(corruptions)
    by = {(o.method, o.corruption): o for o in found}
    own = by[LEARNED, corruptions[1]]
    assert own.total == pytest.approx(np.sqrt(np.mean(np.square([*own.fields.values()]))), rel=0.05)
    assert by["gappy POD", corruptions[0]].choice == "rank 4"
    assert milliseconds(sensed, record) < 20

    def judged(own: float, other: float, clean: float = 1.0) -> str:
        outcomes = [
            Outcome(method, corruption, total, {})
            for corruption, values in (
                (corruptions[0], (clean, 1.0)),
                (corruptions[1], (own, other)),
            )
            for method, total in zip((LEARNED, "gappy POD"), values, strict=True)
        ]
        return str(verdict(outcomes)["verdict"])

    assert judged(0.5, 1.0) == "better"
    assert judged(1.0, 0.5) == "not better"
    assert judged(0.5, 1.0, clean=2.0) == "partly better"


def test_the_corrupt_is_not_the_readings_class(record: Record) -> None:
    """Kills: readings that share memory with the record."""
    sensors = record.random_sensors(4, 0)
    readings: Readings = Corruption(0.1).read(record, sensors, np.ones(2), 0)
    assert not np.shares_memory(readings.values, record.fields)

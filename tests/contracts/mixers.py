"""Laws of every token mixer; a suite subclasses `MixerContract` and says how to make one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sciformer.errors import ShapeError, UsageError
from sciformer.mixers import State, TokenMixer
from sciformer.mixers.protocol import map_state

# The same law is run for many subclasses, which Hypothesis would otherwise take for a mistake.
EXAMPLES = settings(max_examples=8, suppress_health_check=[HealthCheck.differing_executors])


class MixerContract:
    """Subclasses give `make()`; a spiking one says `differentiable = False`.

    `tolerance` bounds |difference| / scale in float64: sums of at most a few hundred products in
    another order, each off by 2^-53.
    """

    width = 3
    tolerance = 1e-12
    differentiable = True
    inputs_are_spikes = False

    def make(self) -> TokenMixer:
        raise AssertionError("the suite gives this")

    def mixer(self) -> TokenMixer:
        torch.manual_seed(7)
        mixer = self.make().double().eval()
        for parameter in mixer.parameters():  # no parameter may hide behind a zero or a one
            parameter.data += 0.1 * torch.randn_like(parameter)
        return mixer

    def sequence(self, batch: int, length: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(batch, length, self.width, dtype=torch.float64, generator=generator)
        return (x > 0).double() if self.inputs_are_spikes else 2 * x

    def close(self, result: Tensor, expected: Tensor) -> bool:
        if result.numel() == 0 or result.dtype == torch.bool:
            return torch.equal(result, expected)
        difference = (result - expected).detach().abs()
        return bool((difference <= self.tolerance * (expected.detach().abs().max() + 1)).all())

    @EXAMPLES
    @given(st.integers(1, 3), st.integers(1, 40), st.integers(0, 99))
    def test_the_whole_sequence_equals_its_steps(self, batch: int, length: int, seed: int) -> None:
        """Kills: a wrong order of update and read-out, a stale state, a kernel shifted by one."""
        mixer, x = self.mixer(), self.sequence(batch, length, seed)
        if not mixer.causal:
            pytest.skip("only a causal mixer can be stepped")
        whole, last = mixer(x)
        state, rows = mixer.init_state(batch), []
        for t in range(length):
            y_t, state = mixer.step(x[:, t], state)
            rows.append(y_t)
        assert self.close(torch.stack(rows, 1), whole)
        assert all(self.close(a, b) for a, b in zip(tensors(state), tensors(last), strict=True))

    @EXAMPLES
    @given(st.integers(2, 60), st.integers(0, 99), st.data())
    def test_a_sequence_may_be_cut_anywhere(
        self, length: int, seed: int, data: st.DataObject
    ) -> None:
        """Kills: a carried state that is ignored, delayed or counted twice."""
        mixer, x = self.mixer(), self.sequence(2, length, seed)
        if not mixer.causal:
            pytest.skip("only a causal mixer can be continued")
        cut = data.draw(st.integers(1, length - 1))
        whole, _ = mixer(x)
        first, state = mixer(x[:, :cut])
        second, _ = mixer(x[:, cut:], state=state)
        assert self.close(torch.cat([first, second], 1), whole)

    @EXAMPLES
    @given(st.integers(2, 40), st.integers(0, 99), st.data())
    def test_no_output_reads_beyond_its_lookahead(
        self, length: int, seed: int, data: st.DataObject
    ) -> None:
        """Kills: padding on the wrong side, a mask off by one, circular convolution."""
        mixer, x = self.mixer(), self.sequence(1, length, seed)
        if mixer.lookahead is None:
            pytest.skip("it reads everything")
        cut = data.draw(st.integers(1, length - 1))
        changed = x.clone()
        changed[:, cut:] = 1 - x[:, cut:]
        seen = max(cut - mixer.lookahead, 0)
        if seen == 0:
            return
        assert self.close(mixer(changed)[0][:, :seen], mixer(x)[0][:, :seen])

    @pytest.mark.parametrize("length", [1, 7])
    def test_the_last_token_can_be_had_alone(self, length: int) -> None:
        """Kills: the first token for the last, a residual path of another token."""
        mixer, x = self.mixer(), self.sequence(2, length, 4)
        assert self.close(mixer.last_token(x), mixer(x)[0][:, -1])

    def test_an_absent_token_is_read_by_no_other(self) -> None:
        """Kills: a mask that is ignored, or applied to the outputs instead."""
        mixer, x = self.mixer(), self.sequence(2, 9, 5)
        mask = torch.ones(2, 9, dtype=torch.bool)
        mask[0, 4:6] = False
        changed = torch.where(mask[..., None], x, 1 - x)
        expected = mixer(x, mask=mask)[0]
        for absent in (changed, torch.where(mask[..., None], x, torch.nan)):
            assert self.close(mixer(absent, mask=mask)[0][mask], expected[mask])

    def test_the_gradient_is_the_derivative(self) -> None:
        """Kills: a wrong backward of an own autograd function."""
        if not self.differentiable:
            pytest.skip("spikes have a surrogate gradient")
        mixer, x = self.mixer(), self.sequence(2, 6, 3).requires_grad_()
        parameters = [p for p in mixer.parameters() if p.requires_grad]
        assert torch.autograd.gradcheck(lambda x, *_: mixer(x)[0], (x, *parameters))

    @pytest.mark.parametrize("length", [1, 5])
    def test_operations_are_those_of_a_counted_run(self, length: int) -> None:
        """Kills: a forgotten memory update, a factor of the length, heads or channels."""
        mixer, x = self.mixer(), self.sequence(1, length, 1)
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            if mixer.causal:
                state: State = mixer.init_state(1)
                for t in range(length):
                    _, state = mixer.step(x[:, t], state)
            else:
                mixer(x)
        count = mixer.operations(length, spikes=self.inputs_are_spikes)
        assert count.macs + count.acs == counter.get_total_flops() // 2
        layers = mixer.layers(length)
        assert sum(layer.count for layer in layers) == count.macs + count.acs
        assert len({layer.name for layer in layers}) == len(layers)

    def test_state_is_a_value(self) -> None:
        """Kills: a state written in place, or kept in the module."""
        mixer, x = self.mixer(), self.sequence(2, 8, 2)
        if not mixer.causal:
            pytest.skip("only a causal mixer has a state to keep")
        _, state = mixer(x)
        kept = map_state(torch.clone, state)
        first, _ = mixer.step(x[:, 0], state)
        mixer.step(x[:, 1], state)
        again, _ = mixer.step(x[:, 0], state)
        assert torch.equal(first, again)
        assert all(torch.equal(a, b) for a, b in zip(tensors(state), tensors(kept), strict=True))

    def test_a_mixer_that_looks_ahead_refuses_a_state(self) -> None:
        """Kills: silently wrong outputs at a seam."""
        mixer, x = self.mixer(), self.sequence(2, 8, 2)
        if mixer.causal:
            pytest.skip("a causal mixer takes one")
        with pytest.raises(UsageError, match=r"only a causal mixer can be continued or stepped"):
            mixer(x, state=mixer.init_state(2))

    @pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3), (2, 4, 5), (4, 3), (1, 2, 4, 3)])
    def test_what_is_no_sequence_is_refused(self, shape: tuple[int, ...]) -> None:
        """Kills: a batch of 0 that passes, a width that fails deep inside."""
        with pytest.raises(ShapeError, match=r"expects a sequence of shape \(batch >= 1, length"):
            self.mixer()(torch.zeros(shape, dtype=torch.float64))


def tensors(state: State) -> list[Tensor]:
    """The tensors of a state, in order."""
    flat: list[Tensor] = []
    for part in state:
        flat += [part] if isinstance(part, Tensor) else tensors(part)
    return flat

"""The Legendre memory unit between spiking neurons."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from sciformer.mixers.legendre.evaluation import ChunkedScan, Size, Trace, fastest
from sciformer.mixers.legendre.lmu import Window, update, update_operations
from sciformer.mixers.normalisation import BatchNorm
from sciformer.mixers.pipeline import Pipeline
from sciformer.mixers.protocol import OpCount, State, TokenMixer, check_sequence, masked
from sciformer.mixers.synapses import Synapses
from sciformer.spiking.neurons import LIF


class SpikingLMU(TokenMixer):
    """A Legendre memory driven by spikes and read out by spikes; the memory itself is linear.

    u = LIF(N(W_u x + b_u)),   m_t = A_bar m_{t-1} + B_bar u_t,   r = LIF(N(m)),
    y = LIF(N(W_m r + W_x x + b))

    Args:
        width: width d of the tokens.
        window: order, length and channels of the memory.
        hidden: width e of the output; `width` by default.
        neuron: makes so many neurons.

    Source: arXiv 2402.04882, section 4.2 and its code; N is batch normalisation.
    """

    spikes = True
    spiking_readout = True

    def __init__(
        self,
        width: int,
        window: Window,
        *,
        hidden: int | None = None,
        neuron: Callable[[int], LIF] = LIF,
    ) -> None:
        super().__init__()
        self._make_neuron = neuron
        self.width, self.window = width, window
        hidden = width if hidden is None else hidden
        self.signal = nn.Linear(width, window.channels)
        self.readout = nn.Linear(window.size, hidden, bias=False)
        self.direct = nn.Linear(width, hidden)
        self.signal_neuron = self._neuron(window.channels)
        self.memory_neuron = self._memory_neuron(window.size)
        self.output_neuron = self._neuron(hidden)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Mixes a sequence; at absent tokens the signal is 0 and time goes on."""
        check_sequence("SpikingLMU", x, self.width, mask)
        x = masked(x, mask)
        signal_state, before, memory_state, output_state = state or (None, None, None, None)
        signal, signal_after = self.signal_neuron(self.signal(x), state=signal_state)
        trace = self._trace(masked(signal, mask), before)
        read, memory_after = self.memory_neuron(trace.flatten(-2), state=memory_state)
        y, output_after = self.output_neuron(
            self.readout(read) + self.direct(x), state=output_state
        )
        return y, (signal_after, trace[:, -1], memory_after, output_after)

    def init_state(self, batch: int) -> State:
        """State before the first token: the neurons' membranes and the memory (b, c, q)."""
        return (
            self.signal_neuron.init_state(batch),
            self._empty(batch, self.window.channels, self.window.order),
            self.memory_neuron.init_state(batch),
            self.output_neuron.init_state(batch),
        )

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        signal_state, before, memory_state, output_state = state
        assert isinstance(before, Tensor)
        signal, signal_after = _step(self.signal_neuron, self.signal(x_t), signal_state)
        after = update(self.window.memory(x_t), before, signal)
        read, memory_after = _step(self.memory_neuron, after.flatten(1), memory_state)
        y_t, output_after = _step(
            self.output_neuron, self.readout(read) + self.direct(x_t), output_state
        )
        return y_t, (signal_after, after, memory_after, output_after)

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        inputs = self.width * (self.window.channels + self.direct.out_features)
        return (
            OpCount.synapses(length * inputs, spikes=spikes)
            + update_operations(self.window, length, spikes=True)
            + OpCount.synapses(length * self.readout.weight.numel(), spikes=self.spiking_readout)
        )

    def layers(self, length: int) -> list[Synapses]:
        window, readout = self.window, self.readout
        read = readout if self.spiking_readout else None  # real numbers need no observation
        return [
            Synapses("memory", length * window.size * window.order),
            Synapses("signal_to_memory", length * window.size, outputs_of=self.signal_neuron),
            Synapses("readout", length * readout.weight.numel(), inputs_of=read),
            Synapses("signal", length * self.signal.weight.numel(), inputs_of=self.signal),
            Synapses("direct", length * self.direct.weight.numel(), inputs_of=self.direct),
        ]

    def _neuron(self, width: int) -> TokenMixer:
        return Pipeline(norm=BatchNorm(width), lif=self._make_neuron(width))

    def _memory_neuron(self, width: int) -> TokenMixer:
        return self._neuron(width)

    def _trace(self, signal: Tensor, before: State | Tensor | None) -> Tensor:
        memory = self.window.memory(signal)
        if before is not None:
            assert isinstance(before, Tensor)
            return ChunkedScan().trace(signal, memory, before)
        b, n, c = signal.shape
        size = Size(b, n, c, self.window.order, self.direct.out_features)
        way = fastest(size, traced=True)
        assert isinstance(way, Trace)
        return way.trace(signal, memory)


class LinearReadoutLMU(SpikingLMU):
    """A spiking LMU without normalisation whose memory is read as it is; arguments as `SpikingLMU`.

    u = LIF(W_u x + b_u),   m_t = A_bar m_{t-1} + B_bar u_t,   y = LIF(W_m m + W_x x + b)

    Source: the psMNIST notebook of the code of arXiv 2402.04882.
    """

    spiking_readout = False

    def _neuron(self, width: int) -> TokenMixer:
        return self._make_neuron(width)

    def _memory_neuron(self, width: int) -> TokenMixer:
        return Pipeline()


def _step(neuron: TokenMixer, x_t: Tensor, state: State | Tensor) -> tuple[Tensor, State]:
    assert not isinstance(state, Tensor)
    return neuron.step(x_t, state)

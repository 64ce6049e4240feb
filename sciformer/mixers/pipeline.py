"""Mixers and plain modules in a row, and around them a residual path, as mixers again."""

from __future__ import annotations

from torch import Tensor, nn

from sciformer.errors import UsageError
from sciformer.mixers.protocol import OpCount, State, TokenMixer, check_causal


class Pipeline(TokenMixer):
    """Stages applied one after the other.

    A stage is a `TokenMixer`, whose state is kept, or any module on single tokens, (..., d) to
    (..., e), such as `nn.Linear` or an activation, which has none.

    Args:
        stages: the stages, kept as attributes by their names.
    """

    def __init__(self, **stages: nn.Module) -> None:
        super().__init__()
        for name, stage in stages.items():
            self.add_module(name, stage)

    @property
    def stages(self) -> list[nn.Module]:
        """The stages in order."""
        return list(self.children())

    @property
    def lookahead(self) -> int | None:  # type: ignore[override]
        """The sum of the lookaheads of all stages."""
        ahead = [stage.lookahead for stage in self.stages if isinstance(stage, TokenMixer)]
        return None if None in ahead else sum(steps for steps in ahead if steps)

    @property
    def spikes(self) -> bool:  # type: ignore[override]
        """Whether the last stage gives spikes."""
        spikes = False
        for stage in self.stages:
            spikes = gives_spikes(stage, spikes)
        return spikes

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        check_causal("Pipeline", self, state)
        after: list[State] = []
        for index, stage in enumerate(self.stages):
            if isinstance(stage, TokenMixer):
                x, new = stage(x, mask=mask, state=None if state is None else _part(state, index))
                after.append(new)
            else:
                x = stage(x)
                after.append(())
        return x, tuple(after)

    def init_state(self, batch: int) -> State:
        """State before the first token: one state a stage."""
        return tuple(
            stage.init_state(batch) if isinstance(stage, TokenMixer) else ()
            for stage in self.stages
        )

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        after: list[State] = []
        for stage, before in zip(self.stages, state, strict=True):
            if isinstance(stage, TokenMixer):
                assert isinstance(before, tuple)
                x_t, before = stage.step(x_t, before)
                after.append(before)
            else:
                x_t = stage(x_t)
                after.append(())
        return x_t, tuple(after)

    def last_token(self, x: Tensor) -> Tensor:
        """The last token; behind the last mixer there is one token only."""
        mixers = [i for i, stage in enumerate(self.stages) if isinstance(stage, TokenMixer)]
        if not mixers:  # its own forward would do, but that of a residual path adds x already
            x = x[:, -1]
            for stage in self.stages:
                x = stage(x)
            return x
        for index, stage in enumerate(self.stages):
            if not isinstance(stage, TokenMixer):
                x = stage(x)
            elif index < mixers[-1]:
                x, _ = stage(x)
            else:
                x = stage.last_token(x)
        return x

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        count = OpCount()
        for stage in self.stages:
            count += stage_operations(stage, length, spikes=spikes)
            spikes = gives_spikes(stage, spikes)
        return count


class Residual(Pipeline):
    """x + the stages of x; arguments as `Pipeline`."""

    spikes = False

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        y, after = super().forward(x, mask=mask, state=state)
        return x + y, after

    def last_token(self, x: Tensor) -> Tensor:
        return x[:, -1] + super().last_token(x)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        y_t, after = super().step(x_t, state)
        return x_t + y_t, after


def stage_operations(stage: nn.Module, length: int, *, spikes: bool) -> OpCount:
    """Operations of one stage; plain modules other than linear maps count nothing.

    Raises:
        UsageError: a plain module with weights that is not a linear map.
    """
    if isinstance(stage, TokenMixer):
        return stage.operations(length, spikes=spikes)
    if isinstance(stage, nn.Linear):
        return OpCount.synapses(length * stage.in_features * stage.out_features, spikes=spikes)
    if any(weight.dim() > 1 for weight in stage.parameters()):
        raise UsageError(
            f"operations: cannot count the weights of {type(stage).__name__}; "
            "compose it of nn.Linear and token mixers."
        )
    return OpCount()


def gives_spikes(stage: nn.Module, spikes: bool) -> bool:
    """Whether a stage gives spikes, if it gets `spikes`."""
    if isinstance(stage, TokenMixer):
        return stage.spikes
    return spikes and isinstance(stage, nn.Identity | nn.Dropout)


def _part(state: State, index: int) -> State:
    part = state[index]
    assert isinstance(part, tuple)
    return part

"""The 25 laws of positional expressivity, each a function of a length and a seed.

They reach the code through its modules, so that a mutant put in place of a part is what they test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from sciformer import attention
from sciformer.attention import cores
from sciformer.attention.toeplitz import toeplitz
from sciformer.errors import DomainError
from theory.expressivity import blindness as blind
from theory.expressivity import (
    bounds,
    decoder,
    mechanisms,
    mixing,
    row_sums,
    schemes,
    selection,
    spans,
    tasks,
    training,
)

SIGNAL = 1e-8
CAUSAL = True


@dataclass(frozen=True)
class Law:
    """check(n, seed) asserts; n runs over `lengths`, and `examples` pairs are drawn."""

    check: Callable[[int, int], None]
    lengths: tuple[int, int]
    examples: int = 10


LAWS: dict[int, Law] = {}


def law(
    number: int, lengths: tuple[int, int], examples: int = 10
) -> Callable[[Callable[[int, int], None]], Callable[[int, int], None]]:
    def register(check: Callable[[int, int], None]) -> Callable[[int, int], None]:
        LAWS[number] = Law(check, lengths, examples)
        return check

    return register


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=source(seed), dtype=torch.float64)


def network(name: str, n: int, seed: int, layers: int = 1) -> nn.Module:
    """Random layers of a mechanism, every parameter drawn."""
    torch.manual_seed(seed)
    sizes = schemes.Sizes(width=8, heads=2, length=n + 1)
    if name == "circulant":
        sizes = schemes.Sizes(width=8, heads=2, length=n)
    mixers = [schemes.MECHANISMS[name].make(sizes) for _ in range(layers)]
    return blind.randomise(blind.Layers(mixers, 8), source(seed))


def constant(n: int, seed: int, width: int = 8) -> Tensor:
    return normal(width, seed=seed + 1).expand(1, n, -1)


def assert_blind(net: nn.Module, tokens: Tensor, is_causal: bool = False) -> None:
    found = blind.examine(net, tokens, is_causal=is_causal)
    assert found.spread <= 1e-10 * (1 + found.size), found


def assert_sees(net: nn.Module, tokens: Tensor, is_causal: bool = False) -> None:
    assert blind.examine(net, tokens, is_causal=is_causal).spread > SIGNAL


def universal_layer(n: int, heads: int = 1, width: int = 1) -> attention.MultiheadAttention:
    """Uniform attention with values 1 and a gain to be set: the output is the row sums."""
    layer = mixing.position_layer(torch.ones(n), width)
    assert heads == 1
    return layer


@law(1, (1, 12))
def relative_rows_sum_to_one(n: int, seed: int) -> None:
    """Under any mask that leaves each row a key."""
    position = attention.RelativeTable(2, n)
    layer = attention.MultiheadAttention(8, 2, position=position).double()
    blind.randomise(layer, source(seed))
    mask = torch.rand(n, n, generator=source(seed)) < 0.5
    mask[torch.arange(n), torch.randint(n, (n,), generator=source(seed + 1))] = True
    sums = layer.weights(normal(n, 8, seed=seed), mask=mask).sum(-1)
    torch.testing.assert_close(sums, torch.ones_like(sums), rtol=0, atol=1e-12)


BLIND = ("none", "t5", "alibi", "relative")


@law(2, (2, 12), 15)
def softmax_networks_are_blind(n: int, seed: int) -> None:
    """All kinds, causal or not, one to four layers."""
    net = network(BLIND[seed % len(BLIND)], n, seed, layers=1 + seed % 4)
    assert_blind(net, constant(n, seed), is_causal=seed % 3 == 0)


@law(3, (2, 12))
def rotary_is_blind(n: int, seed: int) -> None:
    assert_blind(network("rotary", n, seed, 2), constant(n, seed), is_causal=seed % 2 == 0)


@law(4, (2, 12))
def shaw_keys_are_blind(n: int, seed: int) -> None:
    assert_blind(network("shaw-key", n, seed, 2), constant(n, seed), is_causal=seed % 2 == 0)


@law(5, (2, 12))
def causal_sinks_see(n: int, seed: int) -> None:
    """A further key that everybody sees breaks causal row sums, and no others."""
    assert_blind(network("bias-kv", n, seed), constant(n, seed))
    assert_sees(network("bias-kv", n, seed), constant(n, seed), is_causal=CAUSAL)


@law(6, (2, 12))
def first_token_needs_a_direction(n: int, seed: int) -> None:
    """A begin token tells positions apart when causal and not when bidirectional."""
    net = network("bos-none", n, seed, 2)
    assert_blind(net, constant(n, seed), is_causal=not CAUSAL)
    assert_sees(net, constant(n, seed), is_causal=CAUSAL)


@law(7, (1, 12))
def gain_of_one_is_no_gain(n: int, seed: int) -> None:
    """C = c gives c times the base; for c = 1 bit for bit."""
    base = attention.RelativeTable(2, n)
    scheme = attention.Universal(base, 2, n).double()
    base.table.data = normal(2, 2 * n - 1, seed=seed)
    query, key, value = (normal(2, n, 4, seed=seed + k) for k in range(3))
    wanted = attention.attend(query, key, value, position=base)
    assert torch.equal(attention.attend(query, key, value, position=scheme), wanted)
    scheme.table.data.fill_(-1.7)
    got = attention.attend(query, key, value, position=scheme)
    torch.testing.assert_close(got, -1.7 * wanted, rtol=1e-12, atol=1e-12)


@law(8, (1, 256), 12)
def smallest_gain_writes_the_index(n: int, seed: int) -> None:
    """Exact for every length."""
    layer = mixing.position_layer(torch.arange(1, n + 1), width=3)
    got = layer(normal(n, 3, seed=seed))
    wanted = torch.zeros(n, 3, dtype=torch.float64)
    wanted[:, 0] = torch.arange(1, n + 1)
    torch.testing.assert_close(got, wanted, rtol=1e-13, atol=0)


@law(9, (1, 40))
def minimal_gain_is_the_pseudo_inverse(n: int, seed: int) -> None:
    """And of squared norm n^3 for the index, (n/2) sign(i - j) for the centred one."""
    targets = normal(n, seed=seed)
    wanted = torch.linalg.pinv(row_sums.row_sum_map(n)) @ targets
    got = row_sums.minimal_gain(targets)
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9 * n)
    index = torch.arange(1.0, n + 1, dtype=torch.float64)
    assert float(row_sums.minimal_gain(index).square().sum()) == pytest.approx(n**3)
    centred = row_sums.minimal_gain(index - (n + 1) / 2)
    torch.testing.assert_close(centred, n / 2 * -torch.arange(1.0 - n, n).double().sign())


@law(10, (1, 200))
def overlap_inverse_is_the_inverse(n: int, seed: int) -> None:
    """K K^-1 = I, and K = n^2 M M^T."""
    overlap, inverse = row_sums.overlap_matrix(n), row_sums.overlap_inverse(n)
    # A sum of at most 4 terms of size n / 2 in each entry.
    identity = torch.eye(n, dtype=torch.float64)
    torch.testing.assert_close(overlap @ inverse, identity, rtol=0, atol=1e-14 * n)
    rows = row_sums.row_sum_map(n)
    torch.testing.assert_close(n * n * rows @ rows.T, overlap)


@law(11, (2, 16))
def gain_is_read_at_key_minus_query(n: int, seed: int) -> None:
    table = normal(2 * n - 1, seed=seed)
    layer = universal_layer(n)
    layer.position.table.data[0] = table
    weights = layer.weights(normal(n, 1, seed=seed))[0].detach() * n
    for i in range(n):
        for j in range(n):
            assert float(weights[i, j] - table[j - i + n - 1]) == pytest.approx(0, abs=1e-13)


def symmetrise(table: Tensor) -> Tensor:
    return table + table.flip(-1)


@law(12, (3, 12))
def symmetric_tables_commute_with_reversal(n: int, seed: int) -> None:
    """Symmetric C has palindromic row sums too; asymmetric tables do not commute."""
    base = attention.RelativeTable(2, n)
    scheme = attention.Universal(base, 2, n)
    layer = attention.MultiheadAttention(8, 2, position=scheme).double()
    blind.randomise(layer, source(seed))
    tokens = normal(n, 8, seed=seed)

    @torch.no_grad()
    def difference() -> float:
        return float((layer(tokens.flip(0)) - layer(tokens).flip(0)).abs().max())

    assert difference() > SIGNAL
    base.table.data, scheme.table.data = symmetrise(base.table.data), symmetrise(scheme.table.data)
    assert difference() < 1e-10
    assert row_sums.symmetric_rank(n) == -(-n // 2)


@law(13, (2, 12))
def circulant_tables_are_blind(n: int, seed: int) -> None:
    assert_blind(network("circulant", n, seed, 2), constant(n, seed))


@law(14, (2, 6), 5)
def spans_have_their_dimensions(n: int, seed: int) -> None:
    for name, family in spans.FAMILIES.items():
        found = spans.span_dimension(family.draw, n, source(seed))
        assert found == family.dimension(n), name


@law(15, (2, 33))
def clipped_gain_has_its_rank(n: int, seed: int) -> None:
    for clip in {1, 2, max(1, n // 2), n - 1}:
        assert row_sums.clipped_rank(n, clip) == min(n, 2 * clip)


@law(16, (2, 24))
def universal_layers_mix_by_any_matrix(n: int, seed: int) -> None:
    """Gaussian, a permutation and reversal, with n heads, to 1e-12."""
    identity = torch.eye(n, dtype=torch.float64)
    for matrix in (
        normal(n, n, seed=seed),
        identity[torch.randperm(n, generator=source(seed))],
        identity.flip(0),
    ):
        layer = mixing.universal_mixing_layer(matrix, n)
        assert layer.heads == n
        torch.testing.assert_close(layer(identity), matrix, rtol=0, atol=1e-12)


@law(17, (2, 7))
def relative_layers_mix_by_equal_row_sums(n: int, seed: int) -> None:
    """And refuse a matrix whose last row sums to something else."""
    matrix = normal(n, n, seed=seed)
    matrix[:, 0] += 1.3 - matrix.sum(1)
    layer = mixing.relative_mixing_layer(matrix, n)
    identity = torch.eye(n, dtype=torch.float64)
    torch.testing.assert_close(layer(identity), matrix, rtol=0, atol=1e-12)
    off_diagonal = int((matrix - matrix.diag().diag()).count_nonzero())
    assert layer.heads <= 4 * off_diagonal + 1
    matrix[-1, 0] += 0.25
    with pytest.raises(DomainError, match=rf"row {n - 1} sums to 1\.55 and row 0 to 1\.3"):
        mixing.relative_mixing_layer(matrix, n)


@law(18, (2, 128), 8)
def two_layers_permute_within_the_bound(n: int, seed: int) -> None:
    order = torch.randperm(n, generator=source(seed))
    tokens = normal(n, 3, seed=seed).clamp(-1, 1)
    for sharpness in (5.0, 10.0, 20.0):
        net = selection.selection_network(order.tolist(), 3, sharpness=sharpness)
        error = float((net(tokens)[:, :3] - tokens[order]).detach().abs().max())
        # The logits reach 2 b (n/2)^2 and are rounded to eps of that, which moves the weights.
        rounding = 4 * sharpness * n * n * 2.3e-16
        bound = selection.selection_error(float(tokens.abs().max()), sharpness)
        assert error <= bound * (1 + rounding) + 1e-15


@law(19, (2, 40))
def relative_networks_decode_positions(n: int, seed: int) -> None:
    tokens = torch.randint(3, (n,), generator=source(seed))
    run = int(torch.randint(1, n, (1,), generator=source(seed + 1)))
    tokens[:run], tokens[run] = 0, 1
    net = decoder.PositionDecoder(n, 3)
    wanted = torch.arange(1, n + 1, dtype=torch.float64)
    torch.testing.assert_close(net(tokens), wanted, rtol=0, atol=1e-9)
    with pytest.raises(DomainError, match="constant sequence holds no position"):
        net(torch.zeros(n, dtype=torch.long))


def blind_network(n: int, seed: int) -> nn.Module:
    return network("relative", n, seed, 2)


@law(20, (2, 12))
def blind_errors_are_at_least_chebyshevs(n: int, seed: int) -> None:
    """Attained by the midpoint; and the Lipschitz form is below it by L eps, never negative."""
    targets = torch.arange(1.0, n + 1, dtype=torch.float64)
    radius = bounds.chebyshev_radius(targets)
    assert radius == (n - 1) / 2
    output = blind_network(n, seed)(constant(n, seed))[0, :, 0].detach()
    assert float((output - targets).abs().max()) >= radius - 1e-9
    assert float((bounds.chebyshev_centre(targets) - targets).abs().max()) == radius
    assert bounds.lipschitz_error(targets, 3.0, 0.1) == pytest.approx(max(0.0, radius - 0.3))
    assert bounds.lipschitz_error(targets, 1.0, float(n)) == 0


IDENTIFIER = "relative"


@law(21, (2, 6), 4)
def constant_accuracy_is_at_most_chance(n: int, seed: int) -> None:
    """Even after training: accuracy <= 1/n and cross-entropy >= log n on constants."""
    task = tasks.PositionIdentification(3, n)
    recipe = training.Recipe(width=16, heads=2, layers=1, steps=150, batch=16, learning_rate=0.03)
    found = training.train(task, schemes.MECHANISMS[IDENTIFIER], recipe, seed=seed % 1000)
    assert found.constant <= 1 / n + 1e-9
    assert found.constant_loss >= math.log(n) - 1e-5
    ceiling = tasks.ceiling(task, is_blind=True, is_symmetric=False, is_exchangeable=False)
    assert ceiling.constant == pytest.approx(1 / n)
    assert ceiling.constant_loss == pytest.approx(math.log(n))


HAS_BIAS = False


@law(22, (1, 12))
def zero_tokens_give_zero(n: int, seed: int) -> None:
    """URPE without biases writes nothing where there is nothing to weigh."""
    scheme = attention.Universal(attention.RelativeTable(2, n), 2, n)
    layer = attention.MultiheadAttention(8, 2, position=scheme, bias=HAS_BIAS)
    blind.randomise(layer, source(seed))
    assert torch.equal(layer(torch.zeros(n, 8).double()), torch.zeros(n, 8).double())


def fast_problem(n: int, seed: int) -> tuple[list[Tensor], attention.Universal]:
    scheme = attention.Universal(attention.RelativeTable(2, n), 2, n)
    blind.randomise(scheme, source(seed))
    return [normal(2, n, 4, seed=seed + k) for k in range(3)], scheme


@law(23, (1, 40))
def log_sum_exp_form_agrees(n: int, seed: int) -> None:
    parts, scheme = fast_problem(n, seed)
    got = attention.attend(*parts, position=scheme, core=cores.FusedLogSumExp())
    wanted = attention.attend(*parts, position=scheme)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@law(24, (2, 40))
def blocks_agree(n: int, seed: int) -> None:
    """For blocks that do not divide the length."""
    parts, scheme = fast_problem(n, seed)
    got = attention.attend(*parts, position=scheme, core=cores.ToeplitzRows(1 + n // 2))
    wanted = attention.attend(*parts, position=scheme)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@law(25, (2, 20))
def rotated_and_shifted_values_are_gains(n: int, seed: int) -> None:
    """Shaw's value term is a URPE head of value 1; value rotation is a complex gain."""
    table, logits = normal(2 * n - 1, seed=seed), normal(1, n, n, seed=seed + 1)
    weights = logits.softmax(-1)
    scheme = attention.ShawKeyValue(1, n - 1).double()
    scheme.value_table.data[:, 0] = table
    scheme.key_table.data[:, 0] = normal(2 * n - 1, seed=seed + 2)
    shaw = scheme.values(weights, attention.Patch(n, n))
    gained = (weights * toeplitz(table, n, n)).sum(-1, keepdim=True)
    torch.testing.assert_close(shaw, gained)

    layer = mechanisms.ValueRotary(4, 1, base=9.0).double()
    blind.randomise(layer, source(seed))
    core = layer.attention
    for part in (core.query, core.key, core.output):
        nn.init.zeros_(part.weight)
        nn.init.zeros_(part.bias)
    nn.init.eye_(core.output.weight)
    token = normal(4, seed=seed)
    value = core.value(token)
    steps = torch.arange(n, dtype=torch.float64)[:, None] * 9.0 ** (
        -2 * torch.arange(2, dtype=torch.float64) / 4
    )
    turns = torch.polar(torch.ones_like(steps), steps)
    wanted = torch.complex(value[:2], value[2:]) * turns.mean(0) * turns.conj()
    got = layer(token.expand(n, -1))
    torch.testing.assert_close(torch.complex(got[:, :2], got[:, 2:]), wanted)

# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Attention over sensors
#
# Forty thermometers today, two hundred tomorrow, most of them in one corner. An MLP needs a fixed
# number of inputs at fixed places; attention reads a set. But does its answer depend on where the
# sensors happen to stand?

# %% tags=["parameters"]
largest = 3000
wanted_error = 1e-2

# %%
# %matplotlib inline
import torch
from matplotlib import pyplot as plt

from sciformer.attention import Mass, attend, influences, merge, part
from sciformer.pictures import BLACK, STYLE

plt.style.use(STYLE)
torch.manual_seed(0)
width = 0.08  # of the smoothing


def field(y):
    return torch.sin(9 * y) + torch.where(y > 0.6, 1.0, 0.0)


# %% [markdown]
# One head of attention that smooths: with queries $(x, 1)$ and keys
# $\sqrt 2\,(y, -y^2/2)/w^2$ the logits are $-|x - y|^2/2w^2$ up to a number that the softmax
# cancels. The head is then a rule of quadrature for
# $\int e^{-|x-y|^2/2w^2} f(y)\,dy \,\big/ \int e^{-|x-y|^2/2w^2}\,dy$.


# %%
def queries(x):
    return torch.stack([x, torch.ones_like(x)], 1)[None]


def keys(y):
    return 2**0.5 * torch.stack([y, -(y**2) / 2], 1)[None] / width**2


x = torch.linspace(0, 1, 101, dtype=torch.float64)
fine = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
exact = attend(queries(x), keys(fine), field(fine)[None, :, None])[0, :, 0]

# %% [markdown]
# Sensors that crowd at the left: the cube of a random number. Plain attention counts them, and
# follows the crowd. With `Mass`, each sensor counts as much as the length that it stands for.


# %%
def sensors(count):
    y = torch.rand(count, dtype=torch.float64).pow(3).sort().values
    middles = (y[1:] + y[:-1]) / 2
    ends = torch.cat([torch.zeros(1), middles, torch.ones(1)])
    return y, ends.diff()


y, cells = sensors(40)
values = field(y)[None, :, None]
plain = attend(queries(x), keys(y), values)[0, :, 0]
weighted = attend(queries(x), keys(y), values, mask=Mass(cells))[0, :, 0]

figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
axes.plot(x, exact, color=BLACK, label="integral")
axes.plot(x, plain, "--", label="plain attention")
axes.plot(x, weighted, label="with masses")
axes.plot(y, torch.full_like(y, -1.4), "|", color=BLACK, label="40 sensors")
axes.set(xlabel="x", ylabel="smoothed field")
axes.legend(ncols=2)
plt.show()

# %% [markdown]
# More sensors do not help plain attention: it converges, to another integral.

# %%
counts = [n for n in (30, 100, 300, 1000, 3000) if n <= largest]
errors = {"plain attention": [], "with masses": []}
for count in counts:
    y, cells = sensors(count)
    values = field(y)[None, :, None]
    for name, mask in (("plain attention", None), ("with masses", Mass(cells))):
        found = attend(queries(x), keys(y), values, mask=mask)[0, :, 0]
        errors[name].append(float((found - exact).norm() / exact.norm()))

figure, axes = plt.subplots(figsize=(5, 2.8), layout="constrained")
for name, sizes in errors.items():
    axes.loglog(counts, sizes, "o-", label=name)
axes.set(xlabel="sensors", ylabel="relative L2 error")
axes.legend()
plt.show()

# %% [markdown]
# Two more things that sets ask for. Sensors that come later are added to an answer without
# computing it again, and every sensor's influence (the answer with it minus the answer without it)
# costs two passes, not one for each sensor.

# %%
y, cells = sensors(40)
values = field(y)[None, :, None]
old, new = slice(None, 30), slice(30, None)
first = part(queries(x), keys(y[old]), values[:, old], mask=Mass(cells[old]))
later = part(queries(x), keys(y[new]), values[:, new], mask=Mass(cells[new]), key_start=30)
whole = attend(queries(x), keys(y), values, mask=Mass(cells))
added = float((merge(first, later).output - whole).abs().max())
print(f"30 sensors, then 10 more: at most {added:.0e} from all 40 at once")

of_each = influences(queries(x), keys(y), values, mask=Mass(cells))
without = attend(queries(x), keys(y[1:]), values[:, 1:], mask=Mass(cells[1:]))
removed = float((whole - without - of_each[:, :, 0]).abs().max())
print(f"influence of the first sensor: at most {removed:.0e} from leaving it out")

# %%
assert errors["with masses"][-1] < wanted_error, "masses do not make attention a quadrature"
assert errors["plain attention"][-1] > 10 * errors["with masses"][-1], "sensors did not crowd"
assert max(added, removed) < 1e-9, "parts or influences do not agree with the whole"

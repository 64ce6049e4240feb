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
# # 07 · Coefficients of your own equation, from a CSV file
#
# A rod cools. Thermometers along it were read at irregular times, with noise. How well does the rod
# conduct, and how much heat does it lose to the air?
#
# $$u_t = a\,u_{xx} - k\,u, \qquad a, k \text{ unknown}$$

# %% tags=["parameters"]
iterations = 60
wanted_error = 0.1

# %%
# %matplotlib inline
import numpy as np
import sympy
from matplotlib import pyplot as plt

import pinn
from sciformer.pictures import BLUE, STYLE

plt.style.use(STYLE)
truth = {"a": 0.05, "k": 0.8}
draw = np.random.default_rng(0)
x, t = draw.uniform(0, 1, (2, 300))
u = sum(
    size * np.exp(-(truth["a"] * (n * np.pi) ** 2 + truth["k"]) * t) * np.sin(n * np.pi * x)
    for n, size in ((1, 1.0), (3, 0.5))
)
u += draw.normal(0, 0.01, 300)
np.savetxt("rod.csv", np.stack([x, t, u], 1), delimiter=",", header="x,t,u", comments="")

# %% [markdown]
# So far the laboratory; what follows knows only the file. The samples, first of all:

# %%
table = np.genfromtxt("rod.csv", delimiter=",", names=True)
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
shown = axes.scatter(table["t"], table["x"], c=table["u"], s=12)
axes.set(xlabel="t", ylabel="x")
figure.colorbar(shown, label="u")
plt.show()
# %% [markdown]
# The problem is the equation, the domain and the unknowns with their typical sizes. Its conditions
# are not known, and need not be: the samples determine the solution.

# %%
x, t, a, k = sympy.symbols("x t a k")
u = sympy.Function("u")(x, t)
rod = pinn.Problem(
    name="rod",
    coordinates=(x, t),
    fields=(u,),
    equations=(sympy.Eq(u.diff(t), a * u.diff(x, 2) - k * u),),
    domain=pinn.Box(x=(0, 1), t=(0, 1)),
    unknown={a: pinn.Unknown(size=0.1, start=0.1), k: pinn.Unknown(size=1.0)},
)
samples = pinn.Cloud(np.stack([table["x"], table["t"]], 1), {"u": table["u"]})
found = pinn.identify(rod, samples, iterations=iterations)
print(found)

# %% [markdown]
# Do the 95 % intervals contain the true values? Shown are errors in percent; 0 is the truth. (A start with one sine only would not do: both
# coefficients would damp it alike, and the error message would name the one that is not determined.)

# %%
figure, panels = plt.subplots(1, 2, figsize=(7, 1.6), layout="constrained")
for panel, (name, value) in zip(panels, truth.items(), strict=True):
    ends = 100 * (np.array(found.interval(name)) / value - 1)
    panel.plot(ends, [0, 0], color=BLUE, linewidth=2)
    panel.plot(ends.mean(), 0, "o", color=BLUE)
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set(xlabel=f"error of {name}, %", yticks=[])

# %% [markdown]
# The same from the command line, with the problem in `rod.py`:
# `sciformer identify rod.py --data rod.csv --unknown a --unknown k`.

# %%
errors = {n: abs(np.mean(found.interval(n)) / value - 1) for n, value in truth.items()}
print({name: f"{error:.1%}" for name, error in errors.items()})
assert max(errors.values()) < wanted_error, "a coefficient is off by more than wanted"

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
# # 09 · A family of problems, from whatever sensors there are
#
# The same equation for a thousand initial values: must each one be trained anew? A family names what
# is left open and what it is drawn from; afterwards each member is answered in milliseconds.

# %% tags=["parameters"]
functions = 50
seconds = 40
wanted_error = 1e-2

# %%
# %matplotlib inline
import numpy as np
import sympy
from matplotlib import pyplot as plt

import pinn
from sciformer.pictures import BLACK, STYLE

plt.style.use(STYLE)

# %% [markdown]
# ## Burgers' equation is one head of attention
#
# Cole and Hopf's formula is a softmax. So this family needs no training at all, and says so.

# %%
learned = pinn.learn("burgers-family")
errors = learned.errors(functions)
print(learned)
print(
    f"{errors.functions} unseen starts: median error {errors.median:.1e}, worst {errors.worst:.1e}"
)
print(f"{errors.milliseconds:.1f} ms each")

# %% [markdown]
# Forty readings of a start at random places; the answer is an ordinary solution.

# %%
draw = np.random.default_rng(0)
places = draw.uniform(size=40)
values = 0.6 * np.sin(2 * np.pi * places) + 0.3 * np.cos(4 * np.pi * places)
solution = learned(start=(places, values))

grid = np.linspace(0, 1, 201)
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
axes.plot(places, values, "o", color=BLACK, label="readings, t = 0")
for time in (0.2, 1.0):
    u = solution(np.stack([grid, np.full(201, time)], 1))["u"]
    axes.plot(grid, u, label=f"t = {time}")
axes.set(xlabel="x", ylabel="u")
axes.legend()
plt.show()
# %% [markdown]
# ## A family of your own
#
# A `Problem` names what is `given`; `Family` says what it is drawn from. Growth and diffusion, with
# the start and the diffusivity left open, learned from the equation alone:

# %%
x, t, nu = sympy.symbols("x t nu")
u, start = sympy.Function("u")(x, t), sympy.Function("start")(x)
problem = pinn.Problem(
    name="growth",
    coordinates=(x, t),
    fields=(u,),
    equations=(sympy.Eq(u.diff(t), nu * u.diff(x, 2) + u * (1 - u)),),
    domain=pinn.Box(x=(0, 1), t=(0, 1)),
    conditions=(pinn.Condition(sympy.Eq(u, start), on="t=0"),),
    periodic=("x",),
    given=(start, nu),
)
field = pinn.GaussianField(length=0.2, std=0.1, mean=0.5, smoothness=3)
family = pinn.Family(problem, draws={start: field, nu: pinn.LogUniform(0.005, 0.1)})
growth = pinn.learn(family, budget=seconds)

answer = growth(start=(places, 0.5 + 0.1 * np.sin(2 * np.pi * places)), nu=0.01)
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
for time in (0.0, 0.5, 1.0):
    u = answer(np.stack([grid, np.full(201, time)], 1))["u"]
    axes.plot(grid, u, label=f"t = {time}")
axes.set(xlabel="x", ylabel="u")
axes.legend()
print("doubts:", answer.doubts or "none")

# %% [markdown]
# There is no reference here: solve a member by `pinn.solve(family.instance(seed=3))` and compare.

# %%
assert errors.median < wanted_error, "unseen starts are answered worse than wanted"

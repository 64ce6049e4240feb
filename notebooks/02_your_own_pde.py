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
# # 02 · A PDE of your own
#
# A problem is its mathematics in sympy: equation, domain, conditions. From that one object come the
# residual, the derivatives it needs, and the check of a solution you may know. Here heat spreads in a
# rod whose middle conducts better than its ends:
#
# $$u_t = \partial_x\!\left[\tfrac{1 + 3\sin^2\pi x}{10}\,u_x\right], \qquad u(x,0)=\sin\pi x,
# \qquad u(0,t)=u(1,t)=0$$

# %% tags=["parameters"]
iterations = 80
wanted_residual = 1e-4

# %%
# %matplotlib inline
import numpy as np
import sympy

import pinn
from pinn import Box, Condition, Problem

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
conductivity = (1 + 3 * sympy.sin(sympy.pi * x) ** 2) / 10

rod = Problem(
    name="rod",
    coordinates=(x, t),
    fields=(u,),
    equations=(sympy.Eq(u.diff(t), (conductivity * u.diff(x)).diff(x)),),
    domain=Box(x=(0, 1), t=(0, 1)),
    conditions=(
        Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0"),
        Condition(sympy.Eq(u, 0), on="x=0"),
        Condition(sympy.Eq(u, 0), on="x=1"),
    ),
)
rod.equations[0]

# %%
solved = pinn.solve(rod, network=pinn.MLP.Sizes(), iterations=iterations)
solved.solution.plot(solved.verdict, solved.history)

# %% [markdown]
# There is no reference. What can be trusted then? The verdict compares the residual with the size of
# the equation's own terms, on points that were never trained on; the steps of the wide layer give an
# estimate of the error.

# %%
print(solved.verdict)
print(f"mean square residual on validation points {solved.validation:.1e}")
if solved.error_estimate is not None:  # from the steps of the wide layer
    print(f"error estimate {solved.error_estimate:.1e}")

# %% [markdown]
# And a second opinion that shares no code with the network: finite differences in space, an implicit
# integrator in time.

# %%
from scipy.integrate import solve_ivp

grid = np.linspace(0, 1, 401)
middle = (grid[1:] + grid[:-1]) / 2
face = (1 + 3 * np.sin(np.pi * middle) ** 2) / 10


def rate(time, inner):
    values = np.concatenate([[0.0], inner, [0.0]])
    return np.diff(face * np.diff(values)) * 400**2


march = solve_ivp(
    rate, (0, 1), np.sin(np.pi * grid[1:-1]), "BDF", t_eval=[1.0], rtol=1e-8, atol=1e-10
)
differences = march.y[:, -1]
network = solved.solution(np.stack([grid[1:-1], np.ones(399)], axis=-1))["u"]
gap = np.abs(network - differences).max() / np.abs(differences).max()
print(f"largest difference at t = 1: {gap:.1e}")

# %% [markdown]
# The same problem in a file `rod.py` is solved by `sciformer solve rod.py`.

# %%
assert solved.validation < wanted_residual, "the residual is larger than wanted"

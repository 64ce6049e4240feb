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
# # 01 · Burgers' equation in a minute
#
# $$u_t + u\,u_x = \nu\,u_{xx}, \qquad \nu = 0.01/\pi, \qquad u(x,0) = -\sin\pi x, \qquad u(\pm1,t)=0$$
#
# A sine wave steepens into a front of width $2\nu$. A transformer with 1,387 weights learns it from
# the equation alone; the exact solution (Cole and Hopf) is only looked at afterwards.

# %% tags=["parameters"]
seconds = 45
wanted_error = 1e-4

# %%
# %matplotlib inline
import pinn

solved = pinn.solve("burgers", limits=pinn.Limits(budget=seconds))
solved.solution.plot()

# %% [markdown]
# From left to right: the network, the exact solution, their difference (mind its scale), and three
# moments. The network that is kept is the one with the least residual on points it never trained on;
# the exact solution steers nothing.

# %%
solved.errors

# %% [markdown]
# ## Is attention worth its cost here?
#
# Every solve measures how much the network uses its attention: the entropy of the weights (1 is
# uniform, nothing selected), and the change of the solution when the sequence of five tokens is cut
# to one.

# %%
solved.attention

# %% [markdown]
# ## The answer is a function
#
# Points in, fields out, in the order of the problem's coordinates.

# %%
solution = solved.solution
print(solution.problem.coordinates)
solution([[0.25, 0.5], [-0.25, 0.5], [0.0, 1.0]])

# %% [markdown]
# The solution is odd in $x$. Nobody told the network.

# %%
left, right = solution([[-0.4, 0.7], [0.4, 0.7]])["u"]
print(f"u(-0.4, 0.7) = {left:.6f}, u(0.4, 0.7) = {right:.6f}")

# %%
assert solved.errors.relative_l2 < wanted_error

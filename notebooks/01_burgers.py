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
# the equation alone; the exact solution (Cole and Hopf) is only used afterwards, to measure the error.

# %% tags=["parameters"]
iterations = 130
wanted_error = 1e-4

# %%
# %matplotlib inline
import pinn

solved = pinn.solve("burgers", iterations=iterations)
solved.solution.plot(solved.verdict, solved.history)

# %% [markdown]
# The network, the exact solution, their difference (mind its scale), three moments, and the training.
# The network with the smallest residual on points that it never trained on is kept. Then a wide layer
# of random neurons, fitted by least squares, adds digits.

# %%
print(solved.verdict)
print(f"relative L2 error {solved.errors.relative_l2:.1e}")
if solved.error_estimate is not None:  # from the steps of the wide layer
    print(f"estimated without the reference {solved.error_estimate:.1e}")

# %% [markdown]
# ## Is attention worth its cost here?
#
# Every solve measures how much the network uses its attention: the entropy of the weights (1 is
# uniform, nothing selected), and the change of the solution when the sequence of five tokens is cut
# to one.

# %%
print(solved.attention)

# %% [markdown]
# ## The answer is a function
#
# Points in, fields out, in the order of the problem's coordinates.

# %%
solution = solved.solution
print(solution.problem.coordinates)
print(solution([[0.25, 0.5], [-0.25, 0.5], [0.0, 1.0]])["u"])

# %% [markdown]
# The solution is odd in $x$, which the network was not given.

# %%
left, right = solution([[-0.4, 0.7], [0.4, 0.7]])["u"]
print(f"u(-0.4, 0.7) = {left:.6f}, u(0.4, 0.7) = {right:.6f}")

# %%
assert solved.errors.relative_l2 < wanted_error, "the solve did not reach the wanted error"

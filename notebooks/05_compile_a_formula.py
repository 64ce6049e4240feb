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
# # 05 · Compile a formula into attention
#
# Universal approximation, made literal: a formula goes in, the weights of one Transformer layer come
# out (softmax attention and one hidden layer, no training by gradients), and with them a proof of the
# error over the **whole** domain, not on samples.

# %% tags=["parameters"]
epsilon = 0.05

# %%
# %matplotlib inline
import torch

import theory

compiled = theory.compile("x1*x2; sin(2*x1+x2)", tokens=2, epsilon=epsilon)
certificate = compiled.certificate
print(f"proven: |layer - formula| <= {certificate.bound:.5f} for all x in [-1, 1]^2")
print(certificate.construction)

# %% [markdown]
# The layer is an ordinary module. Nothing in its forward pass knows the formula.

# %%
print(compiled.module)
tokens = torch.tensor([[[0.5], [-0.8]]], dtype=torch.float64)  # one sequence of two tokens
print("layer  ", compiled.module(tokens).flatten().tolist())
print("formula", [0.5 * -0.8, float(torch.tensor(0.2).sin())])

# %% [markdown]
# ## Try to break it
#
# A million random sequences. The proof covers all of them, and every point between.

# %%
x = torch.rand(1_000_000, 2, 1, dtype=torch.float64) * 2 - 1
with torch.no_grad():
    y = compiled.module(x)[..., 0]
exact = torch.stack([x[:, 0, 0] * x[:, 1, 0], torch.sin(2 * x[:, 0, 0] + x[:, 1, 0])], dim=-1)
error = (y - exact).abs()
print(f"largest error seen {error.max():.5f}, proven bound {certificate.bound:.5f}")

# %%
from matplotlib import pyplot as plt

from sciformer.pictures import STYLE

plt.style.use(STYLE)
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for k, panel in enumerate(panels):
    shown = panel.scatter(
        *x[:40_000, :, 0].T, c=error[:40_000, k], s=1, vmin=0, vmax=certificate.bound
    )
    panel.set(xlabel="$x_1$", ylabel="$x_2$", title=f"error of token {k + 1}", aspect="equal")
figure.colorbar(shown, ax=panels, label="error (top: the proven bound)")
plt.show()
# %% [markdown]
# ## What does a formula need?
#
# `diagnose` gives lower bounds that no training can beat: without positions, without attention, with
# too few heads.

# %%
print(*theory.diagnose("x1*x2; sin(2*x1+x2)", tokens=2).needs, sep="\n")

# %%
assert float(error.max()) <= certificate.bound, "a sequence has a larger error than was proven"
assert certificate.bound <= epsilon, "the proven bound is larger than was asked for"

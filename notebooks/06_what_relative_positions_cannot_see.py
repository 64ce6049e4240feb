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
# # 06 · What relative positions cannot see
#
# Relative position encodings add a bias to the logits of attention, by distance. Softmax then makes
# every row sum to 1, and that has a price: on a sequence of equal tokens all rows of the output are
# equal, at any depth and width. URPE multiplies the weights by a Toeplitz matrix *after* the softmax.

# %% tags=["parameters"]
steps = 400

# %%
# %matplotlib inline
import torch
from matplotlib import pyplot as plt

import theory
from sciformer.attention import ALiBi, RelativeTable, Rotary, Universal
from sciformer.pictures import BLUE, ORANGE, STYLE
from theory.expressivity import (
    PositionDecoder,
    PositionIdentification,
    Recipe,
    position_layer,
    trained_row,
)

plt.style.use(STYLE)

schemes = {
    "ALiBi": ALiBi(2),
    "relative table": RelativeTable(2, 16),
    "rotary": Rotary(),
    "URPE": Universal(RelativeTable(2, 16), 2, 16),
}
verdicts = {name: theory.blindness(scheme, length=16) for name, scheme in schemes.items()}
for name, found in verdicts.items():
    print(f"{name:15} {found.verdict:14} spread {found.spread:.1e}")

# %% [markdown]
# Why? The reason is measured, not assumed:

# %%
print(verdicts["rotary"].reason)
print(verdicts["URPE"].reason)

# %% [markdown]
# ## The exact position, without training
#
# Uniform attention and one Toeplitz matrix: $C = n\,\mathbf 1[j \le i]$ makes the row sums $1, 2, \dots,
# n$. This is the smallest such $C$.

# %%
layer = position_layer(torch.arange(1.0, 17.0).double())
print(layer(torch.zeros(1, 16, 1, dtype=torch.float64)).flatten().tolist())

# %% [markdown]
# ## But relative positions are not blind to everything
#
# The theorem is about *constant* sequences. As soon as one token differs, a two-layer network with
# relative positions can count from the place of the change, and finds every position exactly:

# %%
decoder = PositionDecoder(length=16, vocabulary=3)
print(decoder(torch.tensor([[1] * 9 + [2] * 7])).flatten().tolist())

# %% [markdown]
# ## Training tells the same story
#
# The task: name the position of each token. Half of the sequences are random, half constant.

# %%
task, recipe = PositionIdentification(vocabulary=10, length=16), Recipe(steps=steps)
rows = [trained_row(name, task, recipe) for name in ("none", "relative", "urpe")]

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for k, row in enumerate(rows):
    axes.barh(
        k - 0.17, row.constant, 0.3, color=BLUE, label="constant sequences" if k == 0 else None
    )
    axes.barh(k + 0.17, row.random, 0.3, color=ORANGE, label="random sequences" if k == 0 else None)
    axes.plot([row.limit.constant] * 2, [k - 0.35, k], "k", linewidth=2)
axes.set(yticks=range(3), yticklabels=[row.scheme for row in rows], xlim=(0, 1.05))
axes.set(xlabel="accuracy; black: the ceiling on constant sequences")
axes.legend()
plt.show()
# %%
blind, universal = rows[1], rows[2]
assert abs(blind.constant - 1 / 16) < 1e-9, "a blind scheme named positions on equal tokens"
assert universal.constant > 3 * blind.constant, "training with URPE learned nothing"

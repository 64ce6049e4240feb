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
# # 08 · Sequences of your own: classify, regress, stop early
#
# A machine hums. From 60 samples of its vibration: does it run slow or fast (a class), and at which
# frequency exactly (a number)? Both from arrays of your own, in a few lines.

# %% tags=["parameters"]
epochs = 12
wanted_accuracy, wanted_r2 = 0.95, 0.9

# %%
# %matplotlib inline
import numpy as np
import torch
from matplotlib import pyplot as plt

import sciformer
from sciformer.pictures import STYLE
from sciformer.sequence import Numbers

plt.style.use(STYLE)
draw = np.random.default_rng(0)
frequency = draw.uniform(0.2, 0.6, 1200)
time = np.arange(60)
x = np.sin(frequency[:, None] * time + draw.uniform(0, 6, (1200, 1)))
x = (x + 0.3 * draw.normal(size=x.shape))[..., None]  # sequences, frames, channels
is_fast = (frequency > 0.4).astype(int)

figure, axes = plt.subplots(figsize=(7, 2.2), layout="constrained")
for k in (0, 1, 2):
    axes.plot(time, x[k, :, 0], label=f"frequency {frequency[k]:.2f}")
axes.set(xlabel="frame", ylabel="reading")
axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=3)  # above the curves
plt.show()
# %% [markdown]
# ## A class
#
# `own_data` splits the sequences into training, validation and test; the test split is used once.

# %%
classes = sciformer.train(sciformer.own_data(x, is_fast), epochs=epochs)
print(f"test accuracy {classes.summary['accuracy']:.1%}, run directory {classes.path.name}")

# %% [markdown]
# ## One frame at a time
#
# The same model as a stream: after how many frames does it know?

# %%
streamer = sciformer.Streamer(classes.model)
frames = torch.from_numpy(x[0]).float()
probability = [float(streamer.push(frame[None])[0, is_fast[0]]) for frame in frames]

figure, axes = plt.subplots(figsize=(7, 2.2), layout="constrained")
axes.plot(time, probability)
axes.set(xlabel="frame", ylabel="probability of the true class", ylim=(0, 1.02))
plt.show()
# %% [markdown]
# ## A number
#
# Targets keep their unit: normalisation is part of the model. The score r2 is 1 for a perfect
# prediction and 0 for one no better than the mean.

# %%
data = sciformer.own_data(x, frequency, targets=Numbers())
numbers = sciformer.train(data, task="regress", epochs=epochs)
print(f"r2 on the test split {numbers.summary['r2']:.3f}")

# %%
assert classes.summary["accuracy"] > wanted_accuracy, "the classes are not learned"
assert numbers.summary["r2"] > wanted_r2, "the frequency is not learned"

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
# # 04 · Streaming with Legendre memory and spikes
#
# A Legendre memory holds the last $\theta$ steps of a signal in $q$ numbers: the coefficients of
# Legendre polynomials. One linear update a step, $m_t = \bar A m_{t-1} + \bar B u_t$, and the whole
# window can be read back.

# %% tags=["parameters"]
epochs = 15
wanted_accuracy = 0.9

# %%
# %matplotlib inline
import torch
from matplotlib import pyplot as plt

from sciformer.mixers import LegendreMemory, decoder

order, theta = 12, 100.0
memory = LegendreMemory(order, theta, torch.float64, torch.device("cpu"))
time = torch.arange(300, dtype=torch.float64)
signal = torch.sin(time / 9) + 0.5 * torch.sin(time / 4 + 1) * (time > 150)
state = memory.last(signal.view(1, -1, 1))[0, 0]  # 12 numbers

delays = torch.arange(0.0, 100.0)
recalled = decoder(order, theta, delays) @ state

figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
axes.plot(time, signal, color="0.7", label="signal")
axes.plot(299 - delays, recalled, "--", color="#0072b2", label="read back from 12 numbers")
axes.set(xlabel="step")
axes.legend(frameon=False)

# %% [markdown]
# ## A classifier on such memories
#
# MNIST-1D: sequences of 40 numbers, ten classes. It trains on whole sequences, in parallel.

# %%
import tempfile
from pathlib import Path

from sciformer.runs import Run
from sciformer.sequence import make_model
from sciformer.sequence.augmentation import Rescale, Roll
from sciformer.sequence.data import load_data
from sciformer.sequence.training import Recipe, evaluate, train

data = load_data("mnist1d", None, 0)
torch.manual_seed(0)
model = make_model("lmuformer", "small")
recipe = Recipe(epochs=epochs, augmentations=(Roll(4), Rescale(0.2)))
run = Run.create(Path(tempfile.mkdtemp()) / "run", "notebook", {})
train(model, data, recipe, run)
accuracy = evaluate(model, data.test).accuracy
print(f"{model.parameter_count():,} weights, test accuracy {accuracy:.1%}")

# %% [markdown]
# ## Frame by frame
#
# The same network takes one number at a time, in constant memory, and says what it thinks after each.
# Its last answer equals that of the parallel pass.

# %%
from sciformer.sequence.streaming import Streamer

streamer = Streamer(model)
sequence = data.test.inputs[7]
beliefs = torch.stack([streamer.push(frame[None])[0] for frame in sequence])
with torch.no_grad():
    parallel = model.eval()(sequence[None]).softmax(-1)[0]
difference = float((beliefs[-1] - parallel).abs().max())

figure, panels = plt.subplots(2, 1, figsize=(8, 4), sharex=True, layout="constrained")
panels[0].plot(sequence[:, 0], color="0.4")
panels[1].imshow(beliefs.T, aspect="auto", cmap="Blues", vmin=0, vmax=1)
panels[1].set(xlabel="frame", ylabel="class", title=f"belief; truth is {int(data.test.labels[7])}")
print(f"largest difference to the parallel pass: {difference:.1e}")

# %% [markdown]
# ## Spikes
#
# The spiking twin replaces activations by leaky neurons that fire or do not. Where a synapse sees a
# spike it adds instead of multiplying, and where it sees none it rests.

# %%
from sciformer.sequence.operations import measure

torch.manual_seed(0)
spiking = make_model("spiking-lmuformer", "small")
for name, candidate in {"dense": model, "spiking, untrained": spiking}.items():
    cost = measure(candidate, data.test.inputs[:100])
    print(
        f"{name:20} {cost.macs:10,.0f} multiplications and {cost.acs:10,.0f} additions a frame, "
        f"{cost.energy_pj / 1000:6.1f} nJ of arithmetic"
    )

# %%
assert accuracy > wanted_accuracy and difference < 1e-5

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

import sciformer
from sciformer.mixers import LegendreMemory, decoder
from sciformer.pictures import BLUE, STYLE
from sciformer.sequence import load_data, make_model, measure

plt.style.use(STYLE)
order, theta = 12, 100.0
memory = LegendreMemory(order, theta, torch.float64, torch.device("cpu"))
time = torch.arange(300, dtype=torch.float64)
signal = torch.sin(time / 9) + 0.5 * torch.sin(time / 4 + 1) * (time > 150)
state = memory.last(signal.view(1, -1, 1))[0, 0]  # 12 numbers

delays = torch.arange(0.0, 100.0)
recalled = decoder(order, theta, delays) @ state

figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
axes.plot(time, signal, color="0.7", label="signal")
axes.plot(299 - delays, recalled, "--", color=BLUE, label="read back from 12 numbers")
axes.set(xlabel="step")
axes.legend()
plt.show()
# %% [markdown]
# ## A classifier on such memories
#
# MNIST-1D: sequences of 40 numbers, ten classes. It trains on whole sequences, in parallel.

# %%
data = load_data("mnist1d", None, 0)
trained = sciformer.train(data, epochs=epochs)
model, accuracy = trained.model, trained.summary["accuracy"]
print(f"{model.parameter_count():,} weights, test accuracy {accuracy:.1%}, run {trained.path.name}")

# %% [markdown]
# ## Frame by frame
#
# The same network takes one number at a time, in constant memory, and gives class probabilities after
# each. The last ones equal those of the parallel pass.

# %%
streamer = sciformer.Streamer(model)
sequence = data.test.inputs[7]
beliefs = torch.stack([streamer.push(frame[None])[0] for frame in sequence])
with torch.no_grad():
    parallel = model.eval()(sequence[None]).softmax(-1)[0]
difference = float((beliefs[-1] - parallel).abs().max())

figure, panels = plt.subplots(2, 1, figsize=(8, 4), sharex=True, layout="constrained")
panels[0].plot(sequence[:, 0], color="0.4")
panels[1].imshow(beliefs.T, aspect="auto", cmap="Blues", vmin=0, vmax=1)
panels[1].set(
    xlabel="frame", ylabel="class", title=f"probabilities; true class {int(data.test.labels[7])}"
)
print(f"largest difference to the parallel pass: {difference:.1e}")

# %% [markdown]
# ## Spikes
#
# The spiking version replaces activations by leaky neurons that fire or do not. A synapse adds when it
# receives a spike and does nothing otherwise.

# %%
torch.manual_seed(0)
spiking = make_model("spiking-lmuformer", "small")
for name, candidate in {"dense": model, "spiking, untrained": spiking}.items():
    cost = measure(candidate, data.test.inputs[:100])
    print(
        f"{name:20} {cost.macs:10,.0f} multiplications and {cost.acs:10,.0f} additions a frame, "
        f"{cost.energy_pj / 1000:6.1f} nJ of arithmetic"
    )

# %%
assert accuracy > wanted_accuracy, "the classifier is worse than wanted"
assert difference < 1e-5, "streaming and parallel passes differ"

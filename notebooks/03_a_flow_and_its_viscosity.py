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
# # 03 · A flow and its viscosity from noisy samples
#
# Behind a cylinder at Reynolds number 100 vortices are shed in turn from both sides. Which
# coefficients does the flow obey, judging by its velocities alone, with noise and without pressure?
#
# $$u_t + \lambda_1 (u\cdot\nabla) u + \nabla p - \lambda_2 \nabla^2 u = 0, \qquad \nabla\cdot u = 0$$

# %% tags=["parameters"]
noise = 0.01
seeds = 6

# %%
# %matplotlib inline
import numpy as np
from matplotlib import pyplot as plt

from pinn.data import embedded_wake_grid
from pinn.identification import identify_weak
from sciformer.pictures import BLUE, FIELD, SIGNED, STYLE

plt.style.use(STYLE)

wake = embedded_wake_grid()
print(f"{wake.u.shape[0]} x {wake.u.shape[1]} points, {wake.u.shape[2]} snapshots")

# %%
rng = np.random.default_rng(0)
u, v = (field[..., 0] for field in (wake.u, wake.v))
noisy = [
    f + noise * full.std() * rng.standard_normal(f.shape) for f, full in ((u, wake.u), (v, wake.v))
]
vorticity = np.gradient(noisy[1], axis=0) / (7 / 99) - np.gradient(noisy[0], axis=1) / (4 / 49)

figure, panels = plt.subplots(1, 2, figsize=(8.5, 2.5), layout="constrained")
largest = np.abs(vorticity).max()
maps = (
    ("u, with noise", noisy[0], {"cmap": FIELD}),
    ("vorticity, by differences", vorticity, {"cmap": SIGNED, "vmin": -largest, "vmax": largest}),
)
for panel, (name, field, colours) in zip(panels, maps, strict=True):
    shown = panel.imshow(field.T, origin="lower", extent=(1, 8, -2, 2), **colours)
    panel.set(title=name, xlabel="x", ylabel="y")
    figure.colorbar(shown, ax=panel)

# %% [markdown]
# Derivatives of noisy data are noisier than the data. The weak form takes none: it multiplies the
# equation by smooth, divergence-free test functions and moves every derivative onto them. The
# pressure disappears, and two unknowns remain in a linear least-squares problem.

# %%
found = [identify_weak(wake, noise=noise, seed=seed) for seed in range(seeds)]
print(found[0])

# %% [markdown]
# Each estimate has a 95 % interval, from fresh noise of the size found in the data. Do the intervals
# contain the true values, λ1 = 1 and λ2 = 0.01? Shown are the errors in percent.

# %%
figure, panels = plt.subplots(1, 2, figsize=(8.5, 2.6), layout="constrained")
for panel, name, truth in zip(panels, ("1", "2"), (1.0, 0.01), strict=True):
    for k, estimate in enumerate(found):
        ends = np.array(getattr(estimate, f"interval_{name}"))
        middle = getattr(estimate, f"lambda_{name}")
        panel.plot(100 * (ends / truth - 1), [k, k], color=BLUE)
        panel.plot(100 * (middle / truth - 1), k, "o", color=BLUE)
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set(xlabel=f"error of λ{name}, %", ylabel="seed of the noise")
    panel.locator_params(axis="x", nbins=6)

# %%
worst = max(abs(estimate.lambda_2_error_percent) for estimate in found)
print(f"largest error of the viscosity: {worst:.3f} %")

# %%
assert worst < 0.5, "the viscosity is off by more than half a percent"

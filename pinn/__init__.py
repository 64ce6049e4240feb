"""PhysicsFormer: physics-informed transformers with exact derivatives, trained by least squares.

import pinn
solved = pinn.solve("burgers")
solved.solution([[0.5, 0.25]])

Public names are imported on first use, so that `import pinn` stays cheap.
"""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "Box": "pinn.geometry.box",
    "Cloud": "pinn.data.cloud",
    "Condition": "pinn.problem.problem",
    "Disc": "pinn.geometry.shapes",
    "Adam": "pinn.optimisers",
    "LBFGS": "pinn.optimisers",
    "LevenbergMarquardt": "pinn.optimisers",
    "SelfScaledBroyden": "pinn.optimisers",
    "Schedule": "pinn.sampling.schedule",
    "Stage": "pinn.sampling.schedule",
    "Limits": "pinn.training.trainer",
    "Choice": "pinn.families.distributions",
    "Family": "pinn.families.family",
    "GaussianField": "pinn.families.distributions",
    "Learned": "pinn.families.learned",
    "LogUniform": "pinn.families.distributions",
    "MLP": "pinn.networks",
    "PhysicsFormer": "pinn.networks",
    "Polygon": "pinn.geometry.shapes",
    "Problem": "pinn.problem.problem",
    "Settings": "pinn.settings",
    "Solution": "pinn.solution",
    "find_problem": "pinn.problem.registry",
    "from_shapely": "pinn.geometry.regions",
    "identify": "pinn.identification.identifying",
    "learn": "pinn.families.learning",
    "Ansatz": "pinn.problem.problem",
    "Uniform": "pinn.families.distributions",
    "Unknown": "pinn.problem.problem",
    "normal": "pinn.problem.reading",
    "solve": "pinn.solving",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)

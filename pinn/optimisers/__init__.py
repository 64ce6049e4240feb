"""Optimisers as objects: each takes one step at a time and gives its state as a value."""

from pinn.optimisers.first_order import Adam as Adam
from pinn.optimisers.first_order import FirstOrder as FirstOrder
from pinn.optimisers.first_order import FromLibrary as FromLibrary
from pinn.optimisers.levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
from pinn.optimisers.protocol import FlatParameters as FlatParameters
from pinn.optimisers.protocol import Linearisation as Linearisation
from pinn.optimisers.protocol import Objective as Objective
from pinn.optimisers.protocol import Optimiser as Optimiser
from pinn.optimisers.protocol import StepReport as StepReport
from pinn.optimisers.quasi_newton import LBFGS as LBFGS
from pinn.optimisers.quasi_newton import SelfScaledBroyden as SelfScaledBroyden

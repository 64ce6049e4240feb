"""Spiking neurons, their surrogate gradients, and the Legendre memory between them."""

from __future__ import annotations

from sciformer.spiking.lmu import LinearReadoutLMU as LinearReadoutLMU
from sciformer.spiking.lmu import SpikingLMU as SpikingLMU
from sciformer.spiking.neurons import LIF as LIF
from sciformer.spiking.surrogate import ArcTan as ArcTan
from sciformer.spiking.surrogate import FastSigmoid as FastSigmoid
from sciformer.spiking.surrogate import Sigmoid as Sigmoid
from sciformer.spiking.surrogate import Surrogate as Surrogate
from sciformer.spiking.surrogate import Triangle as Triangle

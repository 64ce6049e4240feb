"""Named sizes of models, and how to make one for a data set."""

from __future__ import annotations

import dataclasses
from typing import Any

from sciformer.errors import UsageError, unknown_name
from sciformer.sequence.model import (
    Architecture,
    LMUFormer,
    SequenceClassifier,
    SpikingLMUFormer,
    permuted_pixels_model,
    spiking_permuted_pixels_model,
)
from sciformer.spiking import ArcTan

SPEECH = Architecture(
    features=128,
    classes=35,
    length=128,
    width=256,
    depth=1,
    convolutions=4,
    lookahead=1,
    order=256,
    theta=128.0,
)
SMALL = Architecture(
    features=1,
    classes=10,
    length=40,
    width=64,
    depth=2,
    convolutions=3,
    lookahead=0,
    order=16,
    theta=40.0,
    channels=8,
    expansion=2,
    # Ours: chosen from single runs of one seed, not yet confirmed over seeds.
    tau=1.2,
    surrogate=ArcTan(),
)
ARCHITECTURES = {
    "speech-commands": SPEECH,
    "causal": dataclasses.replace(SPEECH, lookahead=0),
    "small": SMALL,
}
FAMILIES = ("lmuformer", "spiking-lmuformer")
PRESETS = (*ARCHITECTURES, "psmnist")


def make_model(family: str, preset: str, **sizes: Any) -> SequenceClassifier:
    """A model by name.

    Args:
        family: lmuformer or spiking-lmuformer.
        preset: speech-commands (the published sizes), causal (the same, streaming), small, or
            psmnist (the published sizes for 784 pixels).
        sizes: fields of `Architecture` to replace; psmnist knows `classes` only.

    Raises:
        UnknownNameError: a name that does not exist.
        UsageError: sizes that psmnist cannot take.
    """
    if family not in FAMILIES:
        raise unknown_name("make_model", "model", family, FAMILIES)
    spiking = family == "spiking-lmuformer"
    if preset == "psmnist":
        return _pixels(spiking, sizes)
    if preset not in ARCHITECTURES:
        raise unknown_name("make_model", "preset", preset, PRESETS)
    architecture = dataclasses.replace(ARCHITECTURES[preset], **sizes)
    if not spiking:
        return LMUFormer(architecture)
    if "order" not in sizes and preset != "small":  # the published spiking memory is twice as large
        architecture = dataclasses.replace(architecture, order=2 * architecture.order)
    return SpikingLMUFormer(architecture)


def _pixels(spiking: bool, sizes: dict[str, Any]) -> SequenceClassifier:
    odd = sorted(key for key in sizes if key not in ("classes", "features", "length", "mixer"))
    if odd or sizes.get("features", 1) != 1 or sizes.get("mixer", "lmu") != "lmu":
        raise UsageError(
            "make_model: the preset psmnist reads one number a frame and has the published sizes; "
            f"got {sizes}; choose the preset small for others."
        )
    make = spiking_permuted_pixels_model if spiking else permuted_pixels_model
    return make(sizes.get("classes", 10))

"""Folding batch normalisation into the linear maps before it, for inference."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from sciformer.mixers import Convolution, Pipeline
from sciformer.mixers.normalisation import Affine, BatchNorm, Standardise
from sciformer.sequence.tasks import Destandardise

Model = TypeVar("Model", bound=nn.Module)


@torch.no_grad()
def fold(model: Model) -> Model:
    """A copy of the model in evaluation mode without batch normalisation.

    N(W x + b) = (s W) x + (s b + t) with scale s and shift t; a normalisation that follows no
    linear map, such as one behind a ReLU, becomes its affine map, because the zeros with which a
    convolution pads its input keep a shift from passing through it.

    Returns:
        The copy; its outputs differ by rounding only.

    Examples:
        >>> import torch
        >>> from sciformer.sequence import fold, make_model
        >>> model, x = make_model("lmuformer", "small").eval(), torch.randn(2, 40, 1)
        >>> torch.allclose(fold(model)(x), model(x), atol=1e-5)
        True
    """
    folded = copy.deepcopy(model).eval()
    for module in list(folded.modules()):
        if isinstance(module, Pipeline):
            _fold_stages(module)
    outputs, head = getattr(folded, "outputs", None), getattr(folded, "head", None)
    if isinstance(outputs, Destandardise) and isinstance(head, nn.Linear):
        head.weight.mul_(outputs.deviation[:, None])
        head.bias.copy_(outputs.mean + outputs.deviation * head.bias)
        folded.outputs = nn.Identity()
    return folded


def _fold_stages(pipeline: Pipeline) -> None:
    before: nn.Module | None = None
    for name, stage in list(pipeline.named_children()):
        if isinstance(stage, BatchNorm) and isinstance(before, nn.Linear | Convolution):
            _absorb(before, stage)
            delattr(pipeline, name)
            continue
        if isinstance(stage, BatchNorm | Standardise):
            stage = Affine(*stage.affine_map())
            setattr(pipeline, name, stage)
        before = stage


def _absorb(linear: nn.Linear | Convolution, norm: BatchNorm) -> None:
    scale, shift = norm.affine_map()
    weight = linear.weight
    weight.mul_(scale.view(-1, *[1] * (weight.dim() - 1)))
    bias = shift if linear.bias is None else linear.bias * scale + shift
    linear.bias = nn.Parameter(bias.clone())

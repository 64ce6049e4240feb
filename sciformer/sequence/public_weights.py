"""Weights of the public LMUFormer code, by a map of their names.

Names there on the left; a trailing * stands for weight, bias and the running statistics.

    patch_embed.conv_layers.I.0.*       body.embedding.convolutionI.*
    patch_embed.conv_layers.I.3.*       body.embedding.normI.*
    patch_embed.rpe_conv.*              body.embedding.position.convolution.*
    block.I.attn.lmu.W_u.*              body.blockI.mix.mixer.signal.*
    block.I.attn.lmu.W_h.*              body.blockI.mix.mixer.readout and .direct, by columns
    block.I.attn.proj_conv.*, proj_bn   body.blockI.mix.project.*, norm.*
    block.I.mlp.fc1_conv, fc1_bn        body.blockI.channels.expand, norm
    block.I.mlp.fc2_conv, fc2_bn        body.blockI.channels.contract, norm_out
    head.*                              head.*

Convolution weights there are (e, d, k), here (e, k, d); those of one tap are linear maps here.
The buffers A, B, H and fft_H there follow from the order and theta and are not read.
The spiking membrane-shortcut model has its own table, `SPIKING`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from sciformer.errors import DataError
from sciformer.sequence.lmuformer import LMUFormer, SpikingLMUFormer

REAL = {
    r"patch_embed\.conv_layers\.(\d+)\.0\.": r"body.embedding.convolution\1.",
    r"patch_embed\.conv_layers\.(\d+)\.3\.": r"body.embedding.norm\1.",
    r"patch_embed\.rpe_conv\.": r"body.embedding.position.convolution.",
    r"block\.(\d+)\.attn\.lmu\.W_u\.": r"body.block\1.mix.mixer.signal.",
    r"block\.(\d+)\.attn\.lmu\.W_h\.": r"body.block\1.mix.mixer.W_h.",
    r"block\.(\d+)\.attn\.proj_conv\.": r"body.block\1.mix.project.",
    r"block\.(\d+)\.attn\.proj_bn\.": r"body.block\1.mix.norm.",
    r"block\.(\d+)\.mlp\.fc1_conv\.": r"body.block\1.channels.expand.",
    r"block\.(\d+)\.mlp\.fc1_bn\.": r"body.block\1.channels.norm.",
    r"block\.(\d+)\.mlp\.fc2_conv\.": r"body.block\1.channels.contract.",
    r"block\.(\d+)\.mlp\.fc2_bn\.": r"body.block\1.channels.norm_out.",
    r"head\.": r"head.",
}
SPIKING = {
    r"patch_embed\.proj_conv\.": r"body.embedding.convolution0.",
    r"patch_embed\.proj_conv(\d)\.": r"body.embedding.convolution\1.",
    r"patch_embed\.proj_bn\.": r"body.embedding.norm0.",
    r"patch_embed\.proj_bn3\.": r"body.embedding.position.norm.",
    r"patch_embed\.proj_bn(\d)\.": r"body.embedding.norm\1.",
    r"patch_embed\.rpe_conv\.": r"body.embedding.position.convolution.",
    r"block\.(\d+)\.attn\.prev_bn\.": r"body.block\1.mix.norm.",
    r"block\.(\d+)\.attn\.lmu\.W_u\.": r"body.block\1.mix.mixer.signal.",
    r"block\.(\d+)\.attn\.lmu\.W_h\.": r"body.block\1.mix.mixer.W_h.",
    r"block\.(\d+)\.attn\.lmu\.bn_u\.": r"body.block\1.mix.mixer.signal_neuron.norm.",
    r"block\.(\d+)\.attn\.lmu\.bn_m\.": r"body.block\1.mix.mixer.memory_neuron.norm.",
    r"block\.(\d+)\.attn\.lmu\.bn_h\.": r"body.block\1.mix.mixer.output_neuron.norm.",
    r"block\.(\d+)\.attn\.proj_conv\.": r"body.block\1.mix.project.",
    r"block\.(\d+)\.attn\.proj_bn\.": r"body.block\1.mix.norm_out.",
    r"block\.(\d+)\.mlp\.fc1_bn\.": r"body.block\1.channels.norm.",
    r"block\.(\d+)\.mlp\.fc1_conv\.": r"body.block\1.channels.expand.",
    r"block\.(\d+)\.mlp\.fc2_bn\.": r"body.block\1.channels.norm_hidden.",
    r"block\.(\d+)\.mlp\.fc2_conv\.": r"body.block\1.channels.contract.",
    r"head_bn\.": r"body.norm.",
    r"head\.": r"head.",
}
_UNREAD = re.compile(r".*\.(A|B|H|fft_H)$")


def load_public_weights(model: LMUFormer | SpikingLMUFormer, weights: Mapping[str, Tensor]) -> None:
    """Copies the weights of the public code into a model of the same sizes.

    Args:
        model: as `make_model(..., "speech-commands")`; order and theta must be theirs.
        weights: the public state dict, by its names.

    Raises:
        DataError: a name without a place, a place without a name, or another shape.
    """
    table = SPIKING if isinstance(model, SpikingLMUFormer) else REAL
    ours: dict[str, Tensor] = {}
    for name, value in weights.items():
        if not _UNREAD.match(name):
            ours |= _translated(name, value, table, model.architecture.window.size)
    places = model.state_dict()
    odd = sorted({*ours} ^ {*places}) or [
        name for name, value in ours.items() if value.shape != places[name].shape
    ]
    if odd:
        raise DataError(
            f"load_public_weights: {len(odd)} weights do not fit, the first is {odd[0]}; "
            "make the model with the sizes of the file."
        )
    model.load_state_dict(ours)


def _translated(
    name: str, value: Tensor, table: Mapping[str, str], memory: int
) -> dict[str, Tensor]:
    for pattern, place in table.items():
        found = re.match(pattern, name)
        if found:
            new = found.expand(place) + name[found.end() :]
            break
    else:
        return {name: value}
    if ".W_h." in new:
        direct = new.replace("W_h", "direct")
        if value.dim() == 1:
            return {direct: value}
        readout = new.replace("W_h", "readout")
        return {readout: value[:, :memory], direct: value[:, memory:]}
    if value.dim() == 3:
        value = value.squeeze(-1) if value.shape[-1] == 1 else value.permute(0, 2, 1)
    return {new: value}

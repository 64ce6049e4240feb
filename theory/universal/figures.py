"""The picture of a compiled layer of two inputs: target, layer, and error beside its bound."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sciformer.pictures import FIELD, SIGNED, WIDTH, styled
from theory.universal.certificate import CompiledLayer
from theory.universal.format import Certificate
from theory.universal.formula.target import read_target, sequences_in
from theory.universal.layer import apply

_POINTS = 161


def is_drawable(certificate: Certificate) -> bool:
    """Whether the layer has exactly two input coordinates."""
    return certificate.tokens * certificate.width == 2


@styled()
def draw(layer: CompiledLayer, path: Path) -> None:
    """Writes a row of three panels for every output entry: target, layer, error within its bound.

    Args:
        layer: with two input coordinates.
        path: file to write; its suffix gives the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from mpl_toolkits.axes_grid1 import make_axes_locatable

    certificate = layer.certificate
    target = read_target(
        certificate.formula, certificate.tokens, certificate.width, certificate.domain
    )
    axis = np.linspace(-1, 1, _POINTS)
    cube = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    sequences = sequences_in(target, cube)
    wanted, given = target.values(sequences), apply(layer.module, sequences)
    rows = target.tokens * target.outputs
    figure = Figure(figsize=(WIDTH, 2.75 * rows))
    figure.subplots_adjust(
        left=0.07, right=0.93, bottom=0.2 / rows, top=1 - 0.12 / rows, wspace=0.4, hspace=0.35
    )
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, 3, squeeze=False)
    extent = (*target.box[0], *target.box[1])
    claims = {(c.token, c.output): c for c in certificate.entries}
    for row, (token, output) in enumerate(sorted(claims)):
        bound = claims[token, output].bound
        values = wanted[:, token, output], given[:, token, output]
        error = values[1] - values[0]
        titles = (
            f"token {token + 1}: {target.entries[token][output]}",
            "layer",
            f"error: {np.abs(error).max():.2g} seen, {bound:.2g} proven",
        )
        limits = [(values[0].min(), values[0].max())] * 2 + [(-bound, bound)]
        for column, (data, title) in enumerate(zip((*values, error), titles, strict=True)):
            image = panels[row, column].imshow(
                data.reshape(_POINTS, _POINTS).T,
                origin="lower",
                extent=extent,
                cmap=SIGNED if column == 2 else FIELD,
                vmin=limits[column][0],
                vmax=limits[column][1],
            )
            names = [str(v) for v in target.variables]
            upwards = names[1] if column == 0 else ""
            panels[row, column].set(title=title, xlabel=names[0], ylabel=upwards)
            panels[row, column].tick_params(labelleft=column == 0)
            beside = make_axes_locatable(panels[row, column]).append_axes("right", "6%", pad=0.06)
            figure.colorbar(image, cax=beside)
    figure.savefig(path)

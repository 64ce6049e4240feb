"""A solution as an xarray dataset by the CF conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sciformer.errors import UsageError

if TYPE_CHECKING:
    from xarray import Dataset


def dataset_of(solution: Any, most: int) -> Dataset:
    """The fields over named coordinates by the CF conventions: time first, x last.

    The equations are an attribute; units are "1", as nothing is known of any.

    Args:
        solution: a `pinn.solution.Solution`, whose fields they are.
        most: about how many points the grid has.

    Raises:
        UsageError: xarray is not installed.
    """
    try:
        from xarray import Dataset
    except ImportError as error:
        raise UsageError(
            "Solution: to_xarray needs the package xarray; install it with "
            '`pip install "sciformer[exchange]"`.'
        ) from error
    axes, fields = solution.on_grid(most)
    time = solution.problem.time
    space = [name for name in axes if name != time]
    letters = dict(zip(space, "XYZ", strict=False)) | ({} if time is None else {time: "T"})
    order = [*([] if time is None else [time]), *reversed(space)]
    names = list(axes)
    about = {"units": "1"}
    return Dataset(
        {
            name: (order, values.transpose([names.index(c) for c in order]), about)
            for name, values in fields.items()
        },
        coords={
            name: (
                (name,),
                axes[name],
                about
                | ({"axis": letters[name]} if name in letters else {})
                | {"long_name": "time" if name == time else name},
            )
            for name in order
        },
        attrs={
            "Conventions": "CF-1.11",
            "title": solution.problem.title or solution.problem.name,
            "equations": "; ".join(map(str, solution.problem.equations)),
            "source": "sciformer",
        },
    )

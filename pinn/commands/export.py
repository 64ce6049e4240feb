"""Write a solution for other programs: npz, netcdf, vtk, gif, mp4, torch, onnx."""

from __future__ import annotations

import argparse

EPILOG = """examples:
  sciformer export runs/burgers-20260101-120000 --format netcdf
  sciformer export runs/fine --format vtk --out flow.pvd --points 200000
  sciformer export runs/fine --format onnx

netcdf, vtk and onnx need the extra `exchange`, mp4 the program ffmpeg. Outside the domain a grid
holds NaN; VTK leaves such cells out. Files are written on the CPU, whatever the run
was solved on."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pathlib import Path

    from sciformer.cli.arguments import add_json_argument, positive_integer

    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, help="run directory of `sciformer solve`")
    parser.add_argument(
        "--format", required=True, metavar="NAME", help="npz, netcdf, vtk, gif, mp4, torch or onnx"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write (default: export.* in the run directory)",
    )
    parser.add_argument(
        "--points",
        type=positive_integer,
        default=26_000,
        metavar="N",
        help="approximate number of points of the grid, in films of one frame (default 26000)",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="execute the Python file that somebody else's run names as its problem",
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Writes the file."""
    from pinn.exchange.formats import FORMATS, require
    from pinn.solution import Solution
    from sciformer.cli.console import print_json, print_table
    from sciformer.errors import unknown_name
    from sciformer.runs.files import disk_errors

    name = arguments.format
    if name not in FORMATS:
        raise unknown_name("sciformer export", "format", name, FORMATS)
    form = FORMATS[name]
    require(name, form)
    # What is written is for machines of any kind.
    solution = Solution.load(arguments.run, trust=arguments.trust, device="cpu")
    path = arguments.out or arguments.run / f"export{form.suffix}"
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        form.write(solution, path, arguments.points)
    summary = {"format": name, "path": str(path), "bytes": path.stat().st_size}
    if arguments.json:
        print_json(summary)
    else:
        print_table(list(summary.items()), ("export", "written"))

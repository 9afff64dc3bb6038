"""Write a run in a form for others: everything is made and checked before the folder is touched."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import vaekit
from vaekit.brief import brief_repr
from vaekit.data import Schema
from vaekit.errors import VaekitError, nearest
from vaekit.export import hub, programs
from vaekit.export.graphs import Graph, graphs
from vaekit.runs import Run
from vaekit.system import files

ENDINGS = {"onnx": ".onnx", "torch": ".pt2", "hub": ""}


class Export(NamedTuple):
    """Say what was written: the folder, its files, and by what share outputs differ at most."""

    folder: Path
    files: list[str]
    difference: float | None

    __repr__ = brief_repr


def write(
    run: Run,
    to: str = "onnx",
    out: Path | str | None = None,
    force: bool = False,
    pixels: str = "bytes",
    license: str = "unknown",
) -> Export:
    """Write a run's model for use without vaekit, or its folder for a hub.

    Args:
        run: the run
        to: onnx (encoder.onnx, decoder.onnx, about.json), torch (the same as .pt2 of
            `torch.export`), or hub (model.safetensors, run.yaml, README.md)
        out: the folder; None: one of that name in the run's own
        force: write into a folder that has something in it
        pixels: what pictures within [0, 1] are given as, bytes (0 to 255) or floats
        license: of the weights, for the model card of a hub

    `difference` of what is returned is the largest of |file − model|, relative to the largest value
    of an output. Raises `VaekitError` for another word in `to` or `pixels`, a place that is taken,
    what ONNX needs and is not installed, and models that cannot be exported, with the reason.
    """
    if to not in ENDINGS:
        raise nearest(str(to), ENDINGS, "form to export to")
    if to == "hub" and pixels != "bytes":
        raise VaekitError("--pixels is of onnx and torch: a hub has the weights, leave it out")
    if to != "hub" and license != "unknown":
        raise VaekitError(f"--license is of the card of a hub: leave it out with --to {to}")
    folder = files.place(run.folder / to if out is None else out, "the folder of an export")
    check_place(folder, run.folder, force)
    if to == "onnx":
        programs.check_onnx()
    with TemporaryDirectory() as name:
        made = Path(name)
        if to == "hub":
            hub.write_folder(run, made, license)
            worst = None
        else:
            worst = write_programs(graphs(run.model, run.schema, pixels), made, to)
            about = about_of(run, graphs(run.model, run.schema, pixels), to, worst)
            (made / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        names = sorted(path.name for path in made.iterdir())
        for each in names:
            source = made / each
            files.write_file(
                folder / each, lambda place, source=source: shutil.copyfile(source, place)
            )
    return Export(folder, names, worst)


def write_programs(both: dict[str, Graph], folder: Path, to: str) -> float:
    """Write encoder and decoder into a folder; return the largest relative difference."""
    writer = programs.write_onnx if to == "onnx" else programs.write_torch
    return max(writer(graph, folder / f"{name}{ENDINGS[to]}") for name, graph in both.items())


def check_place(folder: Path, own: Path, force: bool) -> None:
    """Raise `VaekitError` where an export may not be written."""
    if folder.is_file():
        raise VaekitError(f"{folder} is a file, and an export is a folder: choose another --out")
    if folder.resolve() == own.resolve():
        raise VaekitError(f"{folder} is the run itself: choose another --out")
    files.check_folder(folder)
    if (folder / "run.yaml").exists() and not hub.is_card(folder / "README.md"):
        raise VaekitError(f"{folder} is a run, and no export: choose another --out")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise VaekitError(f"{folder} exists: choose another --out, or write into it with --force")


def about_of(run: Run, both: dict[str, Graph], to: str, worst: float) -> dict[str, Any]:
    """Return what a program needs to know of the files, in plain types."""
    schema, wanted = run.schema, run.model.condition
    return {
        "recipe": run.config.recipe,
        "vaekit": vaekit.__version__,
        "files": {
            f"{name}{ENDINGS[to]}": {
                "inputs": {
                    put: [str(each.dtype).removeprefix("torch."), ["batch", *each.shape[1:]]]
                    for put, each in zip(graph.inputs, graph.such, strict=True)
                },
                "outputs": list(graph.outputs),
            }
            for name, graph in both.items()
        },
        "x": _x_of(schema, both["encoder"]),
        "columns": None if schema.columns is None else list(schema.columns.names),
        "condition": None if wanted is None else [wanted.kind, wanted.width],
        "label_names": list(schema.label_names),
        "largest_relative_difference": worst,
    }


def _x_of(schema: Schema, encoder: Graph) -> str:
    if schema.columns is not None:
        return "rows of the table, in its own units, columns in the order of `columns`"
    if encoder.such[0].dtype.is_floating_point:
        return f"floats on the scale of the training, {schema.range[0]:g} to {schema.range[1]:g}"
    return "pixels, bytes 0 to 255; the decoder gives float32 0 to 255"

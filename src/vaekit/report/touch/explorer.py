"""Sliders, buttons and a grid over frames that were decoded when the page was made."""

from typing import Any

import numpy as np
from markupsafe import Markup
from torch import Tensor

from vaekit import pictures
from vaekit.apply import decode
from vaekit.report import columns
from vaekit.report.rendering import render
from vaekit.report.section import View
from vaekit.report.tables import text
from vaekit.report.touch.frames import GRID_STEPS, SLIDER_STEPS, Frames, frames_of

BARS = 30  # columns of a table shown at most
FRAME_SIZE = 96  # pixels of a frame on a side; larger ones are averaged down


def explorer(view: View) -> Markup:
    """Let readers move the code of an item: each latent alone, the first two together."""
    frames = frames_of(view)
    if not frames.latents and not frames.choices:
        return Markup("")
    data: dict[str, Any] = {
        "steps": SLIDER_STEPS,
        "own_text": "the code as it is: the reconstruction",
        "names": [f"z{latent}" for latent in frames.latents],
        "own": [columns.rounded(frames.own(start)) for start in frames.starts],
        "values": [columns.rounded(frames.values(start)) for start in frames.starts],
    }
    shown = _picture_frames(view, frames) if view.image else _column_frames(view, frames)
    return Markup(
        render(
            "touch/explorer.html.jinja",
            labels=[view.codes.label(latent) for latent in frames.latents],
            steps=SLIDER_STEPS,
            choices=_buttons(frames),
            starts=[view.item(start) for start in frames.starts],
            **{"grid": "", "thumbs": [], "bars": [], "of": 0, "size": (), **shown.pop("template")},
            data={**data, **shown},
        )
    )


def _buttons(frames: Frames) -> list[tuple[str, list[tuple[str, int]]]]:
    """Name each group of buttons, and each button with its frame."""
    groups, first = [], 1 + len(frames.latents) * SLIDER_STEPS
    for choice in frames.choices:
        groups.append((choice.name, [(each, first + k) for k, each in enumerate(choice.labels)]))
        first += len(choice.labels)
    return groups


def _picture_frames(view: View, frames: Frames) -> dict[str, Any]:
    """Decode all frames into sheets of pictures, one for each start; the grids into others."""

    def decoded(z: Tensor, c: Tensor | None) -> np.ndarray:
        return pictures.tiles(decode(view.model, z, c), *view.data.range, largest=FRAME_SIZE)

    sheets = [decoded(*frames.of(start)) for start in frames.starts]
    given = view.tiles(view.data.batch(view.codes.rows[frames.starts]))
    height, width = sheets[0].shape[1:3]
    shown: dict[str, Any] = {
        "size": (width, height),
        "across": SLIDER_STEPS,
        "sheets": [pictures.data_uri(pictures.sheet(tiles, SLIDER_STEPS)) for tiles in sheets],
    }
    template: dict[str, Any] = {
        "size": (width, height),
        "thumbs": [pictures.data_uri(tile) for tile in given],
    }
    if len(frames.latents) > 1:
        grids = [decoded(*frames.grid(start)) for start in frames.starts]
        shown["grid"] = GRID_STEPS
        shown["grids"] = [pictures.data_uri(pictures.sheet(each, GRID_STEPS)) for each in grids]
        shown["cells"] = [
            columns.rounded(frames.values(start, GRID_STEPS)[:2]) for start in frames.starts
        ]
        ends = [(text(values[0]), text(values[-1])) for values in shown["cells"][0]]
        across, upwards = (
            f"z{latent} from {low} to {high}"
            for latent, (low, high) in zip(frames.latents, ends, strict=False)
        )
        template["grid"] = f"{across} to the right, {upwards} upwards"
    return {**shown, "template": template}


def _column_frames(view: View, frames: Frames) -> dict[str, Any]:
    """Decode all frames into rows of the columns that move most, in the table's own units."""
    made = [_decoded_rows(view, *frames.of(start)) for start in frames.starts]
    real = view.own(view.data.batch(view.codes.rows).cpu().numpy())
    spans = np.max([np.ptp(rows, 0) for rows in made], 0) / (real.std(0) + 1e-12)
    most = np.argsort(-spans, kind="stable")[:BARS]
    low, high = np.percentile(real[:, most], [1, 99], axis=0)
    low = np.min([low, *(rows[:, most].min(0) for rows in made)], 0)
    high = np.max([high, *(rows[:, most].max(0) for rows in made)], 0)
    named = columns.names(view.data, view.data.shape[0])
    return {
        "frames": [columns.rounded(rows[:, most]) for rows in made],
        "ends": columns.rounded(np.stack([low, high], 1)),
        "template": {"bars": [named[column] for column in most], "of": len(named)},
    }


def _decoded_rows(view: View, z: Tensor, c: Tensor | None) -> np.ndarray:
    return view.own(decode(view.model, z, c).numpy())

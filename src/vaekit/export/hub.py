"""A folder for a model hub: weights, what decides the run, and a model card; and the way back."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import vaekit
from vaekit import recipes
from vaekit.errors import VaekitError, shortened
from vaekit.runs import Run
from vaekit.runs.config import Config
from vaekit.runs.folder import MODEL
from vaekit.system import files
from vaekit.system.extras import needed
from vaekit.training.state import save_weights

RUN_FILES = (MODEL, "run.yaml", "README.md", "history.csv", "metrics.json")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_FOLDERS = re.compile(r"[^'\"(),=]*[/\\]")  # those before the name of a file


def write_folder(run: Run, folder: Path, license: str = "unknown") -> None:
    """Write what a hub shows and `from_pretrained` reads; no path of this machine is in it."""
    save_weights(run.model, folder / MODEL, run.stamp.step)
    config = public(run.config)
    (folder / "run.yaml").write_text(config.to_yaml(), encoding="utf-8")
    for name in ("history.csv", "metrics.json"):
        if (run.folder / name).is_file():
            (folder / name).write_bytes((run.folder / name).read_bytes())
    (folder / "README.md").write_text(card(run, config, license), encoding="utf-8")


def from_pretrained(where: Path | str, revision: str | None = None) -> Path:
    """Return the folder of a run: one that is there, or the repository OWNER/NAME, downloaded.

    Raises `VaekitError` where it is neither, and where a repository cannot be had.
    """
    folder = files.place(where, "a run")
    if folder.exists():
        return folder
    name = str(where)
    if not _REPOSITORY.fullmatch(name):
        raise VaekitError(
            f"there is no folder {where}, and it names no repository, such as OWNER/NAME"
        )
    module = needed("huggingface_hub", "hub", f"there is no folder {where}: a repository")
    try:
        return Path(
            module.snapshot_download(name, revision=revision, allow_patterns=list(RUN_FILES))
        )
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise VaekitError(
            f"there is no folder {where}, and the repository cannot be read: {said}"
        ) from error


def public(config: Config) -> Config:
    """Return a config without folders of this machine."""
    notes = dict(config.notes)
    if isinstance(notes.get("files"), dict):
        notes["files"] = {_FOLDERS.sub("", f"{k}"): v for k, v in notes["files"].items()}
    if config.start:
        notes["start"] = _FOLDERS.sub("", config.start)
    if "imports" in notes:
        notes["imports"] = [_FOLDERS.sub("", name) for name in notes["imports"]]
    named = config.validation
    validation = _FOLDERS.sub("", named) if isinstance(named, str) else named
    data = _FOLDERS.sub("", config.data)
    return replace(config, data=data, validation=validation, start="", data_dir=None, notes=notes)


def is_card(path: Path) -> bool:
    """Tell whether a README is the card of such a folder, and none of its owner's."""
    return path.is_file() and b"library_name: vaekit" in path.read_bytes()


def card(run: Run, config: Config, license: str) -> str:
    """Write the model card: what it is, how to use it, its data, its numbers, its licence."""
    recipe, schema, notes = recipes.find(config.recipe), run.schema, config.notes
    head = ["---", "library_name: vaekit", f"license: {license}", "tags:"]
    head += [f"- {tag}" for tag in ("autoencoder", config.recipe.replace("_", "-"))] + ["---"]
    arguments = ", ".join(f"{name}={value!r}" for name, value in config.completed().items())
    training = ", ".join(f"{name}={value!r}" for name, value in vars(config.training).items())
    size = " × ".join(map(str, schema.shape))
    examples = f"{notes.get('train', '?')} to train on, {notes.get('test', '?')} held out"
    data = [f"- `{config.data}`: {examples}, each {size}"]
    if schema.columns is not None:
        data += [f"- columns {schema.columns}"]
    if schema.label_names:
        data += [f"- classes {shortened(schema.label_names)}"]
    if config.data_checksum:
        data += [f"- sha256 of the training part {config.data_checksum}"]
    said = (
        ""
        if license != "unknown"
        else " Nobody has said yet under which licence others may use them."
    )
    lines = [
        *head,
        "",
        f"# {config.recipe} on {config.data}",
        "",
        f"{recipe.summary} ({recipe.paper}.)",
        "",
        "## Use",
        "",
        "```python",
        "import vaekit",
        "",
        'run = vaekit.Run.from_pretrained("FOLDER_OR_REPOSITORY")',
        "codes = run.encode(x)  # x as in training: see Data",
        "```",
        "",
        "## Data",
        "",
        *data,
        "",
        "## Numbers",
        "",
        *_number_lines(run.metrics if run.judged() else {}),
        "",
        "## Training",
        "",
        f"- recipe: {arguments or 'as it is'}",
        f"- settings: {training}",
        f"- vaekit {vaekit.__version__}, torch {notes.get('torch', '?')}",
        "",
        "## Licence",
        "",
        f"Weights: {license}.{said} The data have a licence of their own.",
        "",
    ]
    return "\n".join(lines)


def _number_lines(metrics: dict[str, Any]) -> list[str]:
    if not metrics:
        return ["None yet: `vaekit evaluate` computes them, and another export writes them here."]
    rows = ["| number | value | of | how |", "|---|---|---|---|"]
    for name, number in metrics.items():
        value, error = number.get("value"), number.get("se")
        said = "infinite" if value is None else f"{value:.4g}"
        said += "" if error is None else f" ± {error:.2g}"
        of = f"{number.get('n', '?')} {number.get('split', 'test')} examples"
        how = str(number.get("estimator", "")).replace("|", "\\|")
        rows.append(f"| {name} ({number.get('unit', '')}) | {said} | {of} | {how} |")
    return rows

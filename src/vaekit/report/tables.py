"""The tables of a page: numbers with their estimators, and every setting of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vaekit import recipes
from vaekit.data import TableColumns
from vaekit.faces import text, with_error
from vaekit.metrics import described
from vaekit.runs import Config

TextRow = tuple[str, str]
CLASSES = 30  # named at most
# Title and which way is better ("" for no merit in itself) of numbers that are no metrics'.
NUMBERS = {
    "elbo": ("ELBO", "higher"),
    "log_likelihood": ("log likelihood", "higher"),
    "distortion": ("distortion", "lower"),
    "squared_error": ("squared error", "lower"),
    "denoised_squared_error": ("denoised squared error", "lower"),
    "denoised_psnr": ("denoised PSNR", "higher"),
    "corrupted_psnr": ("corrupted PSNR", ""),
    "normal_variance_units": ("normal-variance units", ""),
    "influential_units": ("influential units", ""),
    "aggregate_kl_gaussian": ("KL(q*‖p)", ""),
    "noise_variance": ("σ² of the noise", ""),
    "normalised_noise_variance": ("β·σ²", ""),
    "rate_first_order": ("rate, to first order", ""),
    "information_first_order": ("I(x; z), to first order", ""),
    "jacobian_norm": ("norm of the Jacobian", ""),
    "perplexity": ("perplexity of the codebook", ""),
    "unused_codes": ("unused vectors", "lower"),
}


def numbers(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """Lay out metrics.json: name, value, spread, unit, estimator and n of each number, as text."""
    return [_number(name, each) for name, each in metrics.items() if isinstance(each, Mapping)]


def _number(name: str, number: Mapping[str, Any]) -> dict[str, str]:
    value, spread = with_error(number.get("value"), number.get("se"))
    how = str(number.get("estimator", "not stated"))
    if number.get("shuffled") is not None:
        how += f"; {text(number['shuffled'])} {_shuffled_text(name, number)}"
    return {
        "name": title(name),
        "value": value,
        "spread": spread,
        "unit": str(number.get("unit", "")),
        "estimator": how,
        "n": text(number.get("n", "")),
        "split": str(number.get("split", "")),
    }


def _shuffled_text(name: str, number: Mapping[str, Any]) -> str:
    """Say what the value beside a score is of."""
    if (known := described(name)) is not None:
        return known[0].shuffled
    return "for shuffled factors" if "factors" in number else "shuffled"


def title(name: str) -> str:
    """Return the name of a number as readers know it."""
    plain, bracket, under = name.partition(" [")  # the corruption that it is under
    known, usual = described(plain), plain.replace("_", " ")
    if known is None:
        usual = NUMBERS.get(plain, (usual, ""))[0]
    elif known[1].title:  # the name of a block stands behind
        usual = known[1].title + plain.removeprefix(known[1].name).replace("_", " ")
    return usual + bracket + under


def better(name: str) -> str:
    """Say which way a number is better, higher or lower; "" of one that is no merit in itself."""
    plain = name.partition(" [")[0]
    known = described(plain)
    return NUMBERS.get(plain, ("", ""))[1] if known is None else known[1].better


def facts(config: Config) -> str:
    """Say in a line what was trained on what: shapes, sizes, steps."""
    notes = config.notes
    parts = []
    if "shape" in notes:
        parts.append(f"examples of {_by(notes['shape'])}")
    parts += [
        f"{notes[k]:,} {word}"
        for k, word in (("train", "to train"), ("validation", "to validate"), ("test", "to test"))
        if k in notes
    ]
    if "step" in notes:
        parts.append(f"{notes['step']:,} steps of {config.training.batch}")
    return " · ".join([*parts, f"seed {config.training.seed}"])


def state(config: Config) -> str:
    """Say how training ended."""
    notes = config.notes
    known = str(notes.get("state", "unfinished"))
    if known == "interrupted" and "steps" in notes:
        return f"interrupted at step {notes['step']:,} of {notes['steps']:,}"
    return known


def setting_tables(config: Config) -> list[tuple[str, list[TextRow]]]:
    """List all settings by table: the recipe's arguments with defaults, data, training, machine."""
    recipe = recipes.find(config.recipe)
    notes, data = dict(config.notes), {"data": config.data, "holdout": config.holdout}
    data |= {"validation": config.validation} if config.validation else {}
    data |= {"folder": config.data_dir, "sha256": config.data_checksum}
    known = notes.pop("known", None) or {}  # for machines: a wide table would fill the page
    notes.pop("validation", None)  # a number of examples, which the head of the page says
    data |= {key: notes.pop(key) for key in ("shape", "train", "test", "files") if key in notes}
    if "shape" in data:
        data["shape"] = _by(data["shape"])
    if "classes" in notes:
        data["classes"] = _class_list(notes.pop("classes"), known.get("label_names", ()))
    if known.get("columns"):
        data["columns"] = str(TableColumns.from_plain(known["columns"]))
    own = {"recipe": config.recipe, "paper": recipe.paper, **config.completed()}
    named = {"Recipe": own, "Training": asdict(config.training), "Data": data, "Environment": notes}
    return [(title, _table_rows(table)) for title, table in named.items()]


def _by(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _class_list(seen: Sequence[int], names: Sequence[str]) -> str:
    """List the classes by name, or number where they have none, in so far as they fit a line."""
    shown = [names[k] if k < len(names) else str(k) for k in seen[:CLASSES]]
    more = [f"… ({len(seen):,} in all)"] if len(seen) > CLASSES else []
    return ", ".join([*shown, *more])


def _table_rows(table: Mapping[str, Any], prefix: str = "") -> list[TextRow]:
    rows: list[TextRow] = []
    for key, value in table.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _table_rows(value, f"{name}: ")
        elif value is not None:
            rows.append((name, text(value)))
    return rows

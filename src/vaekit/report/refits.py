"""Other noise models on the networks of runs: their bounds as a table, and who belongs to whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from torch import Tensor

from vaekit import pictures
from vaekit.distributions import MixtureEntries
from vaekit.report.rendering import scrolled
from vaekit.report.section import Strip
from vaekit.report.tables import with_error

WithError = tuple[float | None, float | None]  # a value and its error
BOUNDS = {"elbo": "ELBO, higher is better", "distortion": "distortion, lower is better"}


@dataclass(frozen=True)
class RefitLine:
    """Hold a noise on the networks of `owner`: value and error of its bound and of its gain.

    `key` names the bound, elbo or distortion; `parameters` are σ² and π by name. `chosen` marks
    the fewest components within a standard error of the best.
    """

    owner: str
    noise: str
    key: str
    bound: WithError
    gain: WithError
    parameters: Mapping[str, float | None]
    chosen: str = ""
    note: str = ""


def line_of(owner: str, noise: str, row: Mapping[str, Any]) -> RefitLine:
    """Return a row of refits.json as a line."""
    key = next(name for name in BOUNDS if name in row)
    bound, gain = row[key], row.get("gain", {})
    value, gained = ((each.get("value"), each.get("se")) for each in (bound, gain))
    chosen = "chosen" if row.get("chosen") else ""
    return RefitLine(owner, noise, key, value, gained, row["noise"], chosen, row.get("note", ""))


def refits_table(lines: Sequence[RefitLine], owners: str = "") -> Markup:
    """Lay lines out in a table, with the heading `owners` over whose networks they are of."""
    first = Markup('<th scope="col">{}</th>').format(owners) if owners else Markup("")
    heads = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(right, text)
        for right, text in (
            ("", "noise"),
            (Markup(' class="right"'), BOUNDS[lines[0].key]),
            ("", "±"),
            (Markup(' class="right"'), "gain (nats)"),
            ("", "±"),
            ("", "σ² and π"),
            ("", "note"),
        )
    )
    body = Markup("")
    for line in lines:
        own = Markup('<th scope="row">{}</th>').format(line.owner) if owners else Markup("")
        body += Markup(
            '<tr>{}<th scope="row">{}</th><td class="value">{}</td><td class="spread">{}</td>'
            '<td class="value">{}</td><td class="spread">{}</td><td class="quiet text">{}</td>'
            '<td class="quiet text">{}</td></tr>'
        ).format(
            own,
            line.noise + (f" · {line.chosen}" if line.chosen else ""),
            *_pair_text(line.bound),
            *_pair_text(line.gain),
            parameters_text(line.parameters),
            line.note,
        )
    table = Markup('<table class="numbers"><thead><tr>{}{}</tr></thead><tbody>{}</tbody></table>')
    return scrolled(table.format(first, heads, body), "Other noise models")


def _pair_text(pair: WithError) -> tuple[str, str]:
    return ("", "") if pair[0] is None else with_error(*pair)


def parameters_text(noise: Mapping[str, float | None]) -> str:
    """Say σ², or σ² (π) of every component, from the narrowest to the widest."""
    each = []
    for name, variance in noise.items():
        kind, _, k = name.partition("noise_variance")
        if not kind and variance is not None:
            share = noise.get(f"noise_share{k}")
            each.append((variance, "" if share is None else f" ({share:.3f})"))
    return ", ".join(f"{variance:.3g}{share}" for variance, share in sorted(each))


def fullest(rows: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Name the mixture whose components are worth a picture: the chosen one, or of most gain."""
    mixed = {k: row for k, row in rows.items() if "noise_share_1" in row["noise"] and "gain" in row}
    chosen = [name for name, row in mixed.items() if row.get("chosen")]
    ordered = sorted(mixed, key=lambda name: mixed[name]["gain"].get("value") or 0.0)
    return next(iter([*chosen, *reversed(ordered)]), None)


def membership_rows(x: Tensor, p: Any) -> list[Strip]:
    """Draw who belongs to each kind of noise but the most frequent one: white is certain.

    Takes x (n, *shape) and p(x|z) of batch shape (1, n); nothing of noise of one kind.
    """
    if not isinstance(p, MixtureEntries):
        return []
    shares = p.memberships(x)[:, 0].cpu()
    kinds = shares.flatten(1).mean(1).argsort(descending=True)[1:]
    deviations = p.mixture.log_std.exp()
    return [
        (
            f"noise {k}, σ = {float(deviations[k]):.2g}",
            pictures.grid(pictures.tiles(shares[k], 0.0, 1.0), len(x)),
        )
        for k in kinds.tolist()
    ]

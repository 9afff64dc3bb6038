"""What is said of a study's results: laws with known answers, bad tables, the page, the shell."""

import itertools
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import bootstrap, rankdata, spearmanr

from vaekit import cli, study
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.metrics import udr as udr_score
from vaekit.report.codes import encode_items
from vaekit.runs import Run
from vaekit.study import analysis, page, store
from vaekit.study.analysis import layout
from vaekit.study.analysis.correlation import centred_ranks
from vaekit.study.analysis.fronts import usual_pair, way_of
from vaekit.study.analysis.summaries import resampled_counts
from vaekit.study.udr import compute_udr, read_udr

RECIPES = {"beta_vae": "beta", "factor_vae": "gamma", "vae": None}


def row(recipe="vae", data="digits", seed=0, state="finished", numbers=None, **settings):
    """Make a row as a run gives it: numbers are values, or values with what stands beside them."""
    words = [recipe, data, *(f"{k}={v}" for k, v in settings.items()), f"s{seed}"]
    made = {"run": "-".join(words), "state": state, "reason": "", "recipe": recipe, "data": data}
    made |= {"seed": seed, "latent": 10, "likelihood": "bernoulli", **settings}
    if state != "finished":
        return made | {"reason": "the objective is not finite"}
    for name, value in (numbers or {}).items():
        value, beside = value if isinstance(value, tuple) else (value, {})
        beside = {"se": None, "estimator": "plain", "n": 100, **beside}
        made |= {name: value, **{f"{name}.{key}": each for key, each in beside.items()}}
    return made


def table(rows):
    return store.table_of({each["run"]: each for each in rows})


def grid(value, *, seeds=5, sets=("digits",), strengths=(1, 2, 4), recipes=("beta_vae", "vae")):
    """Make a table whose numbers are what `value(data, recipe, strength, seed)` says."""
    rows = []
    for data, recipe, seed in itertools.product(sets, recipes, range(seeds)):
        key = RECIPES[recipe]
        for strength in strengths if key else (None,):
            given = {} if key is None else {key: strength}
            numbers = value(data, recipe, strength, seed)
            rows.append(row(recipe, data, seed, numbers=numbers, **given))
    return table(rows)


def noise(seed=0):
    rng = np.random.default_rng(seed)
    return lambda *at: {
        "mig": 0.3 + 0.05 * (at[2] or 0) + 0.1 * rng.random(),
        "elbo": -50 + 5 * rng.random(),
        "rate": 10 - (at[2] or 0) + rng.random(),
        "distortion": 40 + 3 * (at[2] or 0) + rng.random(),
    }


# ---- settings


def test_a_setting_is_what_varies_within_its_recipe():
    rows = [row("beta_vae", seed=s, beta=b, network="mlp(8)") for b in (4, 1) for s in (0, 1)]
    rows += [row("factor_vae", seed=s, gamma=g, network="conv()") for g in (10, 20) for s in (0, 1)]
    rows += [row("vae", seed=s, network="mlp(9)") for s in (0, 1)]
    known = analysis.with_settings(table(rows))
    assert analysis.varied(known) == {"beta_vae": ["beta"], "factor_vae": ["gamma"], "vae": []}
    named = {g.setting: (g.strength, g.series, len(g.rows)) for g in analysis.repeats(known)}
    assert named == {
        "beta_vae · beta 1": (1.0, "beta_vae", 2),
        "beta_vae · beta 4": (4.0, "beta_vae", 2),
        "factor_vae · gamma 10": (10.0, "factor_vae", 2),
        "factor_vae · gamma 20": (20.0, "factor_vae", 2),
        "vae": (None, "vae", 2),
    }
    assert list(named)[:2] == ["beta_vae · beta 1", "beta_vae · beta 4"]
    assert set(known["strength_name"].drop_nulls()) == {"beta", "gamma"}


def test_what_follows_from_the_data_is_no_setting():
    rows = [
        row("vae", data, s, likelihood=kind)
        for data, kind in (("a", "x"), ("b", "y"))
        for s in (0, 1)
    ]
    assert {g.setting for g in analysis.repeats(table(rows))} == {"vae"}


def test_strength_is_asked_for_or_usual_and_the_rest_are_series():
    rows = [row("beta_vae", beta=b, latent=h) for b in (1, 2) for h in (4, 8, 16)]
    usual = {(g.strength, g.series) for g in analysis.repeats(table(rows))}
    assert usual == {(b, f"beta_vae · latent {h}") for b in (1, 2) for h in (4, 8, 16)}
    asked = analysis.repeats(analysis.with_settings(table(rows), ["latent"]))
    assert {(g.strength, g.series) for g in asked} == {
        (h, f"beta_vae · beta {b}") for b in (1, 2) for h in (4, 8, 16)
    }
    with pytest.raises(VaekitError, match="latent"):
        analysis.with_settings(table(rows), ["latnet"])


def test_a_schedule_counts_as_its_end():
    rows = [row("beta_vae", beta=b) for b in ("linear(0, 4)", "linear(0, 8)")]
    assert [g.strength for g in analysis.repeats(table(rows))] == [4, 8]


# ---- means and intervals


def test_means_errors_and_failures():
    values = [1.0, 2.0, 6.0]
    rows = [row(seed=s, numbers={"elbo": v}) for s, v in enumerate(values)]
    rows += [row(seed=9, state="diverged"), row(seed=8, numbers={"elbo": float("nan")})]
    (said,) = analysis.summary(table(rows)).to_dicts()
    assert said["mean"] == pytest.approx(3) and said["n"] == 3 and said["failed"] == 1
    assert said["se"] == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
    assert said["low"] < 3 < said["high"] and said["rank"] is None
    assert said["why"] == "one setting has it only"


def test_of_one_run_the_error_is_that_of_its_examples():
    rows = [row("beta_vae", beta=b, numbers={"elbo": (-b, {"se": 0.1})}) for b in (1, 2)]
    said = analysis.summary(table(rows))
    assert said["se"].to_list() == [0.1, 0.1] and said["low"].null_count() == 2
    assert said["mark"].to_list() == ["best", ""]


def test_the_interval_is_that_of_scipy():
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=8), rng.exponential(size=15)):
        ours = analysis.mean_interval(values, resampled_counts(len(values), 20_000, rng))
        theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=rng)
        width = np.diff(theirs.confidence_interval)
        assert np.allclose(ours, theirs.confidence_interval, atol=0.04 * width)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    counts = resampled_counts(40, 1000, rng)
    pairs = [analysis.mean_interval(rng.normal(size=40), counts) for _ in range(600)]
    held = np.mean([low <= 0 <= high for low, high in pairs])
    assert 0.91 < held < 0.98  # .94, 4 standard errors of .01


def test_the_interval_of_equal_values_is_a_point_and_of_one_none():
    rng = np.random.default_rng(0)
    assert analysis.mean_interval(np.full(4, 0.1), resampled_counts(4, 100, rng)) == (0.1, 0.1)
    assert analysis.mean_interval(np.array([1.0]), np.ones((5, 1))) is None


def test_the_same_table_says_the_same():
    known = grid(noise())
    assert analysis.summary(known).equals(analysis.summary(known))
    assert not analysis.summary(known, seed=1).equals(analysis.summary(known))


# ---- ranks


def test_ranks_have_ties_where_two_errors_do_not_tell():
    means = {1: 1.0, 2: 1.05, 4: 3.0}
    spread = {0: -0.1, 1: 0.0, 2: 0.1}
    known = grid(
        lambda data, recipe, strength, seed: {"squared_error": means[strength] + spread[seed]},
        seeds=3,
        recipes=("beta_vae",),
    )
    said = analysis.summary(known)
    assert said["rank"].to_list() == [1, 1, 3] and said["mark"].to_list() == ["best", "near", ""]


@pytest.mark.parametrize("sign", [1, -1])
def test_ranks_by_brute_force(sign):
    rng = np.random.default_rng(3)
    name = "elbo" if sign == 1 else "distortion"
    known = grid(lambda *at: {name: (at[2] or 0) + 2 * rng.normal()}, strengths=range(1, 9))
    rows = analysis.summary(known).to_dicts()
    for each in rows:
        ahead = [
            o for o in rows if sign * (o["mean"] - each["mean"]) > 2 * np.hypot(o["se"], each["se"])
        ]
        assert each["rank"] == 1 + len(ahead)
    best = max(rows, key=lambda each: sign * each["mean"])
    assert best["mark"] == "best" and {r["rank"] for r in rows if r["mark"]} == {1}


def test_what_is_no_merit_or_has_no_common_scale_is_not_ranked():
    rows = [
        row(
            "beta_vae",
            beta=b,
            seed=s,
            likelihood=kind,
            numbers={"elbo": b + s, "rate": b, "mig": mig},
        )
        for b, kind, mig in (
            (1, "bernoulli", (0.5, {"estimator": "bins"})),
            (2, "gaussian(sigma=0.1)", (0.2, {"estimator": "neighbours"})),
        )
        for s in (0, 1)
    ]
    why = dict(analysis.summary(table(rows)).select("number", "why").rows())
    assert why["rate"] == "no merit in itself"
    assert why["elbo"] == "no common scale: density and probability of x"
    assert why["mig"] == "judged in different ways: estimator bins, neighbours"
    assert analysis.summary(table(rows))["rank"].null_count() == 6


def test_a_score_must_be_clear_of_its_shuffled_value():
    def value(shuffled):
        return lambda data, recipe, strength, seed: {
            "mig": (0.2 + 0.1 * strength + 0.001 * seed, {"shuffled": shuffled})
        }

    clear = analysis.summary(grid(value(0.01), recipes=("beta_vae",)))
    assert clear["mark"].to_list() == ["", "", "best"]
    biased = analysis.summary(grid(value(0.6), recipes=("beta_vae",)))
    assert set(biased["why"]) == {"none is clearly above its shuffled value"}


def test_data_sets_are_apart():
    worth = {"digits": 1.0, "faces": -1.0}
    known = grid(
        lambda data, recipe, strength, seed: {"elbo": worth[data] * strength + 0.01 * seed},
        sets=("digits", "faces"),
        recipes=("beta_vae",),
    )
    best = analysis.summary(known).filter(mark="best")
    assert dict(best.select("data", "strength").rows()) == {"digits": 4.0, "faces": 1.0}


# ---- shares of variance


def test_shares_recover_what_was_put_in():
    rng = np.random.default_rng(0)
    recipes, strengths, seeds = 40, 12, 6
    a, b, e = 2.0, 1.0, 1.5  # standard deviations of objective, strength, seed
    values = (
        a * rng.normal(size=(recipes, 1, 1))
        + b * rng.normal(size=(recipes, strengths, 1))
        + e * rng.normal(size=(recipes, strengths, seeds))
    ).ravel()
    cells = np.arange(recipes * strengths).repeat(seeds)
    corrected, plain = analysis.nested_shares(values, [cells // strengths, cells])
    truth = np.array([a**2, b**2, e**2]) / (a**2 + b**2 + e**2)
    assert np.allclose(corrected, truth, atol=0.12)
    assert sum(corrected) == pytest.approx(1) and sum(plain) == pytest.approx(1)
    total = ((values - values.mean()) ** 2).sum() / (len(values) - 1)
    within = values.reshape(-1, seeds).var(axis=1, ddof=1).mean()
    assert corrected[-1] == pytest.approx(within / total)  # 1 less the adjusted R²


def test_luck_has_no_share():
    rng = np.random.default_rng(0)
    cells = np.arange(36).repeat(2)
    made = [analysis.nested_shares(rng.normal(size=72), [cells // 6, cells]) for _ in range(400)]
    corrected, plain = np.mean([m[0] for m in made], 0), np.mean([m[1] for m in made], 0)
    assert np.allclose(corrected, [0, 0, 1], atol=0.02)
    assert np.allclose(plain, np.array([5, 30, 36]) / 71, atol=0.02)


def test_shares_of_unequal_numbers_of_seeds_add_up():
    rng = np.random.default_rng(0)
    cells = np.sort(rng.integers(0, 6, 40))
    corrected, plain = analysis.nested_shares(cells + rng.normal(size=40), [cells // 3, cells])
    assert sum(corrected) == pytest.approx(1) and sum(plain) == pytest.approx(1)


def test_levels_are_those_at_which_something_varies():
    known = analysis.variance_shares(grid(noise()), ["elbo"])
    assert known["level"].to_list() == ["objective", "strength", "seed"]
    one = analysis.variance_shares(grid(noise(), recipes=("beta_vae",)), ["elbo"])
    assert one["level"].to_list() == ["strength", "seed"]
    rows = [
        row("beta_vae", beta=b, latent=h, seed=s, numbers={"elbo": h + s})
        for b, h, s in itertools.product((1, 2), (4, 8), (0, 1))
    ]
    more = analysis.variance_shares(table(rows))
    assert more["level"].to_list() == ["strength", "other settings", "seed"]
    single = analysis.variance_shares(grid(noise(), seeds=1), ["elbo"])
    assert single["share"].null_count() == len(single) == 3


# ---- correlations


def test_correlations_are_those_of_scipy():
    known = analysis.with_settings(grid(noise(), seeds=7))
    pair = analysis.correlations(known, ["mig", "rate"]).to_dicts()
    assert len(pair) == 1 and pair[0]["n"] == 28 and pair[0]["settings"] == 4
    assert pair[0]["rho"] == pytest.approx(spearmanr(known["mig"], known["rate"]).statistic)
    assert pair[0]["low"] < pair[0]["rho"] < pair[0]["high"]


@pytest.mark.parametrize("within", [False, True])
def test_a_set_of_which_all_runs_failed_has_no_correlation(within):
    known = grid(noise(), seeds=7)
    failed = table([row(data="t.csv", seed=seed, state="failed") for seed in range(4)])
    both = analysis.with_settings(pl.concat([known, failed], how="diagonal_relaxed"))
    pairs = analysis.correlations(both, ["mig", "rate"], within=within)
    (one, none) = (pairs.filter(pl.col("data") == name).to_dicts() for name in ("digits", "t.csv"))
    assert one[0]["n"] == 28 and abs(one[0]["rho"]) <= 1
    assert not none or (none[0]["rho"] is None and none[0]["n"] == 0)


def test_within_settings_is_the_mean_over_settings():
    known = analysis.with_settings(grid(noise(), seeds=7, strengths=range(1, 6)))
    (pair,) = analysis.correlations(known, ["mig", "elbo"], within=True).to_dicts()
    own = [
        spearmanr(known["mig"][g.rows], known["elbo"][g.rows]).statistic
        for g in analysis.repeats(known)
    ]
    assert pair["rho"] == pytest.approx(np.mean(own)) and pair["low"] < pair["rho"] < pair["high"]


def test_ranks_in_resamples_are_those_of_repeated_runs():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4, 9).astype(float)
    counts = resampled_counts(9, 20, rng)
    ranks = centred_ranks(values, np.zeros(9, int), counts)
    for row_counts, own in zip(counts.astype(int), ranks, strict=True):
        whole = np.repeat(values, row_counts)
        assert np.allclose(np.repeat(own, row_counts), rankdata(whole) - 5)


def test_what_does_not_vary_or_is_not_there_has_no_correlation():
    def value(data, recipe, strength, seed):
        return {"elbo": float(seed), "active_units": 3, "mig": seed if recipe == "vae" else None}

    pairs = analysis.correlations(grid(value)).to_dicts()
    known = {frozenset((p["a"], p["b"])): p for p in pairs}
    assert known[frozenset(("elbo", "active_units"))]["rho"] is None
    assert known[frozenset(("elbo", "mig"))]["rho"] == pytest.approx(1)
    assert known[frozenset(("elbo", "mig"))]["n"] == 5


# ---- fronts


def test_the_front_by_brute_force():
    rng = np.random.default_rng(0)
    for _ in range(30):
        x, y = rng.integers(0, 6, (2, 12)).astype(float)
        ours = analysis.on_front(x, y)
        for i in range(12):
            beaten = any(
                x[j] <= x[i] and y[j] <= y[i] and (x[j] < x[i] or y[j] < y[i]) for j in range(12)
            )
            assert ours[i] != beaten


def test_the_front_knows_directions_and_its_support():
    def value(data, recipe, strength, seed):
        tiny = 0.001 * seed
        return {
            "rate": strength + tiny,
            "elbo": (10 - strength if strength == 4 else strength) + tiny,
        }

    known = analysis.front(
        grid(value, recipes=("beta_vae",), strengths=(1, 2, 4, 5)), "elbo", "rate"
    )
    table = grid(value, recipes=("beta_vae",), strengths=(1, 2, 4, 5))
    for pair, said in (
        (("elbow", "rate"), "Did you mean 'elbo'"),
        (("elbo", "elbo"), "named twice"),
    ):
        with pytest.raises(VaekitError, match=said):
            analysis.front(table, *pair)
    assert analysis.summary(table, "elbo").equals(analysis.summary(table, ["elbo"]))
    with pytest.raises(VaekitError, match="a table of results of polars, got DataFrame"):
        analysis.summary(pd.DataFrame({"run": ["a"]}))
    on = dict(known.select("strength", "on_front").rows())
    assert on == {1: True, 2: True, 4: True, 5: False}
    assert dict(known.select("strength", "support").rows()) == {1: 1.0, 2: 1.0, 4: 1.0, 5: 0.0}
    with pytest.raises(VaekitError, match="no merit"):
        way_of("active_units")


def test_the_usual_pair():
    assert usual_pair(grid(noise())) == ("mig", "distortion")
    plain = grid(lambda *at: {"squared_error": 1.0 * at[3], "rate": 2.0})
    assert usual_pair(plain) == ("squared_error", "rate")
    assert usual_pair(grid(lambda *at: {"elbo": 1.0})) is None


# ---- choices


def test_regret_by_hand():
    scores = {0: 0.2, 1: 0.8, 2: 0.5}
    elbo = {0: -1.0, 1: -3.0, 2: -2.0}
    rows = [row(seed=s, numbers={"mig": scores[s], "elbo": elbo[s]}) for s in scores]
    known = table(rows)
    udr = dict(zip(known["run"], (0.1, 0.2, 0.9), strict=True))
    said = {each["criterion"]: each for each in analysis.choices(known, udr).to_dicts()}
    assert [said[c]["value"] for c in ("udr", "elbo", "mig")] == [0.5, 0.2, 0.8]
    assert [said[c]["regret"] for c in ("udr", "elbo", "mig")] == pytest.approx([0.3, 0.6, 0.0])
    assert all(each["random_regret"] == pytest.approx(0.3) for each in said.values())
    assert said["mig"]["labels"] and not said["elbo"]["labels"]


def test_runs_put_first_together_are_averaged():
    rows = [row(seed=s, numbers={"mig": 0.1 * s, "elbo": -1.0}) for s in range(3)]
    elbo = analysis.choices(table(rows)).filter(criterion="elbo").to_dicts()[0]
    assert elbo["ties"] == 3 and elbo["value"] == pytest.approx(0.1) == elbo["random"]


def test_a_bound_on_another_measure_chooses_nothing():
    rows = [
        row("beta_vae", beta=b, likelihood=kind, numbers={"elbo": -b, "mig": 0.1 * b})
        for b, kind in ((1, "bernoulli"), (2, "gaussian"))
    ]
    said = analysis.choices(table(rows)).filter(criterion="elbo").to_dicts()[0]
    assert said["run"] is None and "no common scale" in said["why"] and said["value"] is None


# ---- what is no table of results


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no run of the study has ended"),
        ([row(state="failed"), row(seed=1, state="diverged")], "no run of the study has finished"),
    ],
)
def test_tables_without_results(rows, words):
    made = (
        table(rows) if rows else pl.DataFrame(schema=dict.fromkeys(store.FIRST_COLUMNS, pl.String))
    )
    for function in (
        analysis.summary,
        analysis.variance_shares,
        analysis.correlations,
        analysis.choices,
    ):
        with pytest.raises(VaekitError, match=words):
            function(made)


def test_a_table_that_is_none_of_results():
    with pytest.raises(VaekitError, match="lacks the column run"):
        analysis.summary(pl.DataFrame({"a": [1]}))
    with pytest.raises(VaekitError, match="no run of the study has a number"):
        page.compared(table([row(), row(seed=1)]))
    with pytest.raises(VaekitError, match="mig"):
        analysis.summary(grid(noise()), ["migg"])


# ---- the page


class Parsed(HTMLParser):
    """Hold the text of a page; every element must be closed in its turn."""

    VOID = ("meta", "img", "br", "wbr", "path", "circle")

    def __init__(self, html):
        super().__init__()
        self.open, self.text = [], ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


def written(known, folder, **more):
    path = page.write_comparison(page.compared(known, **more), folder / "page.html", True)
    html = path.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"http", html)
    return html


@pytest.mark.parametrize(
    "known",
    [
        grid(noise(), sets=("digits", "faces"), recipes=("beta_vae", "factor_vae", "vae")),
        grid(noise(), seeds=1),
        table([row(numbers={"elbo": -1.0})]),
        table([row(numbers={"elbo": -1.0}), row(seed=1, state="failed")]),
        grid(lambda *at: {"elbo": -1.0, "rate": 1.0}),
        grid(lambda *at: {"active_units": 3}),
    ],
    ids=["usual", "one seed", "one run", "one left", "all equal", "nothing to rank"],
)
def test_pages_of_many_kinds(known, tmp_path):
    html = written(known, tmp_path)
    assert "nan" not in Parsed(html).text.lower().replace("nats", "")
    assert html == written(known, tmp_path)
    assert list(page.lines(page.compared(known))) or "elbo" not in known.columns


def test_the_page_cuts_nothing_silently(tmp_path):
    known = grid(noise(), seeds=2, strengths=range(1, 151), recipes=("beta_vae",))
    html = written(known, tmp_path)
    assert all(f"beta_vae · beta {b}<" in html for b in range(1, 151))
    assert "all 150 rows, of which 133 are left out above" in html


def test_names_are_text(tmp_path):
    rows = [row(data="<b>odd", seed=s, numbers={"elbo": -s}) for s in (0, 1)]
    rows += [row(data="<b>odd", seed=2, state="failed") | {"reason": "<script>x</script>"}]
    html = written(table(rows), tmp_path)
    assert "<b>odd" not in html and "<script>x" not in html and "&lt;script&gt;x" in html


def test_the_page_names_failures_estimators_and_why_nothing_is_ranked(tmp_path):
    rows = [
        row("beta_vae", beta=b, seed=s, numbers={"rate": b + s}) for b in (1, 2) for s in (0, 1)
    ]
    rows += [row("beta_vae", beta=1, seed=7, state="diverged")]
    text = Parsed(written(table(rows), tmp_path)).text
    assert "1 of 5 runs have not finished" in text and "the objective is not finite" in text
    assert "plain" in text and "no merit in itself" in text


# ---- the shell


@pytest.fixture
def folder(tmp_path):
    """Make a folder as a study leaves it, without its runs."""
    place = tmp_path / "study"
    place.mkdir()
    store.write_spec(place, {"recipes": ["beta_vae", "vae"], "data": "digits"})
    for each in grid(noise()).to_dicts():
        store.append_row(place, each)
    return place


def test_settings_that_differ_by_default_are_named(tmp_path):
    rows = [row("beta_vae", seed=s, beta=b, numbers={"elbo": s}) for b in (4, 1) for s in (0, 1)]
    other = {"latent": 20, "network": "conv()", "prior": "isa", "freeze": ""}
    rows += [row("isa_vae", seed=s, beta=1, numbers={"elbo": s}, **other) for s in (0, 1)]
    known = table([{"network": "mlp(8)", "prior": "normal", **each} for each in rows])
    differing = {"beta_vae": "mlp(8)", "isa_vae": "conv()"}
    assert layout.unplanned(known)["network"] == differing
    assert set(layout.unplanned(known)) == {"network", "latent"}
    html = page.write_comparison(page.compared(known), tmp_path / "page.html").read_text("utf-8")
    assert "latent (beta_vae 10, isa_vae 20)" in html
    heads = re.findall(r'<tr><th scope="row">([^<]*)</th><td>', html)
    assert "latent" in heads and not {"freeze", "strength name", "strength"} & set(heads)
    equal = table(rows[:4])
    assert not layout.unplanned(equal)
    html = page.write_comparison(page.compared(equal), tmp_path / "page.html").read_text("utf-8")
    assert "settings that the study does not vary" not in html


def test_compare_writes_the_page_of_a_study(folder, capsys):
    cli.main(["compare", str(folder)])
    said = capsys.readouterr().out
    assert said.endswith(f"{folder / 'compare.html'}\n")
    assert all(words in said for words in ("Best settings", "Share of variance", "Chosen without"))
    html = (folder / "compare.html").read_text(encoding="utf-8")
    assert "UDR was not computed" in html and "<code>vaekit compare STUDY --udr</code>" in html
    cli.main(["compare", str(folder), "--tradeoff", "elbo:rate", "--out", str(folder / "b.html")])
    assert "ELBO against rate" in (folder / "b.html").read_text(encoding="utf-8")
    known = study.compare_study(folder, folder / "c.html", strengths=["beta"])
    assert known.pair == ("mig", "distortion") and (folder / "c.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["STUDY", "STUDY"], "is a study: compare it alone, or its runs"),
        (["STUDY", "--tradeoff", "elbo"], "--tradeoff takes two numbers, Y:X such as elbo:rate"),
        (["STUDY", "--tradeoff", "elbo:nothing"], "nothing"),
        (["STUDY", "--tradeoff", "elbo:seed"], "seed"),
        (["STUDY", "--strength", "size"], "size"),
        (["STUDY", "--out", "STUDY/rows.jsonl"], "exists and is no page of vaekit"),
        (["STUDY/runs", "--udr"], "--udr is of a study"),
    ],
)
def test_what_compare_refuses_of_a_study(folder, words, said, capsys):
    with pytest.raises(SystemExit):
        cli.main(["compare", *(word.replace("STUDY", str(folder)) for word in words)])
    err = capsys.readouterr().err
    assert said in err and err.count("\n") <= 2


def test_a_study_of_another_version(folder, capsys):
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    (folder / "study.yaml").write_text(text.replace("format: 1", "format: 99"), encoding="utf-8")
    with pytest.raises(SystemExit):
        cli.main(["compare", str(folder)])
    assert "in another form than this one" in capsys.readouterr().err
    with pytest.raises(VaekitError, match="is no study"):
        study.compare_study(folder.parent)


def test_a_study_of_which_nothing_has_ended(folder, capsys):
    (folder / "rows.jsonl").unlink()
    with pytest.raises(SystemExit):
        cli.main(["compare", str(folder)])
    assert "no run of the study has ended yet" in capsys.readouterr().err


# ---- UDR


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Make a study of three seeds and a lone run."""
    place = tmp_path_factory.mktemp("studies")
    images = np.random.default_rng(0).random((60, 1, 6, 6)).astype(np.float32)
    np.save(place / "x.npy", images)
    spec = {
        "data": str(place / "x.npy"),
        "settings": {"latent": 3, "network": "mlp(8)", "epochs": 1, "batch": 20, "device": "cpu"},
        "runs": [{"recipes": "beta_vae", "seeds": "0:3"}, {"recipes": "vae", "seeds": 0}],
    }
    study.run_study(spec, place / "study")
    return place / "study"


def test_udr_is_that_of_the_codes_of_the_runs(trained):
    results, said = study.results(trained), []
    known = compute_udr(trained, results, progress=said.append)
    assert said == ["UDR of beta_vae on " + results["data"][0] + ", 1 of 1"]
    names = [name for name in results["run"] if name.startswith("beta_vae")]
    assert sorted(known) == sorted(names)
    items = [
        encode_items(Run(trained / "runs" / n).model, Run(trained / "runs" / n).data.test)
        for n in names
    ]
    expected = udr_score([i.means for i in items], "spearman", [i.share > 0.01 for i in items])
    assert [known[n].udr for n in names] == pytest.approx(expected.parts["scores"].tolist())
    assert {(each.partners, each.n) for each in known.values()} == {(2, len(items[0].means))}
    assert read_udr(trained) == known
    compute_udr(trained, results, progress=said.append)
    assert len(said) == 1  # nothing was left


def test_udr_chooses_on_the_page(trained, capsys):
    cli.main(["compare", str(trained), "--udr"])
    out = capsys.readouterr().out
    assert re.search(r"UDR +beta_vae", out)
    html = (trained / "compare.html").read_text(encoding="utf-8")
    assert "UDR was not computed" not in html and "2 partners" in html


def test_udr_leaves_out_what_cannot_be_read(trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    (copy / "udr.json").write_text("{", encoding="utf-8")
    lost = next((copy / "runs").glob("beta_vae*s1*"))
    (lost / "model.safetensors").unlink()
    with pytest.warns(VaekitWarning) as noted:
        known = compute_udr(copy, study.results(copy))
    texts = " ".join(str(each.message) for each in noted)
    assert "counts as none" in texts and f"UDR without {lost.name}" in texts
    assert len(known) == 2 and all(each.partners == 1 for each in known.values())
    assert json.loads((copy / "udr.json").read_text(encoding="utf-8"))["format"] == 1

"""Several runs on one page: who is grouped, what is said of them, and what is refused."""

import json
import math
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from test_page import read as parsed

from vaekit import cli, information
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.information.noise import noise_of, rate_weight
from vaekit.likelihoods import Bernoulli, Gaussian, GaussianMixture, NetworkGaussian
from vaekit.objectives import KL, Distortion, TotalCorrelation
from vaekit.report import compare
from vaekit.report.comparison import side_by_side, tradeoffs
from vaekit.report.comparison.axes import as_numbers, axes_of
from vaekit.report.comparison.differences import common, labels, own, settings
from vaekit.report.comparison.differences import differing as differing_settings
from vaekit.report.comparison.groups import Entry, Group, gather, grouped, over_runs
from vaekit.report.comparison.ranking import ranking
from vaekit.report.comparison.readings import items_of, read_model
from vaekit.runs import Config, Run, train
from vaekit.schedules import Linear
from vaekit.training import Training

NOISE = {"network": "mlp(8)", "latent": 3}


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, str]:
    folder, rng = tmp_path_factory.mktemp("sets"), np.random.default_rng(0)
    found = {
        "small": (60, 1, 6, 6),
        "other": (60, 1, 6, 6),
        "large": (60, 1, 9, 9),
        "rows": (60, 5),
    }
    for name, shape in found.items():
        np.save(folder / f"{name}.npy", rng.random(shape, np.float32))
    return {name: str(folder / f"{name}.npy") for name in found}


@pytest.fixture(scope="module")
def study(tmp_path_factory, sets):
    """Train small runs into one folder; give name, recipe, data, seed and arguments."""
    root = tmp_path_factory.mktemp("study")

    def make(name: str, recipe: str, data: str = "small", seed: int = 0, **arguments: Any) -> Run:
        if not (root / name).exists():
            training = Training(epochs=1, batch=20, seed=seed, device="cpu")
            config = Config(recipe, {**NOISE, **arguments}, sets[data], training, holdout=0.3)
            run = train(config, root / name)
            run.save_metrics(information.evaluate(run.model, run.data.test))
        return Run(root / name)

    return make


@pytest.fixture(scope="module")
def noisy(study) -> list[Run]:
    fixed = [
        study(
            f"fixed{s}-{seed}", "beta_vae", seed=seed, beta=1.0, likelihood=f"gaussian(sigma={s})"
        )
        for s in (0.1, 0.3)
        for seed in (0, 1)
    ]
    learned = [study(f"learned{seed}", "noise_vae", seed=seed, beta=2.0) for seed in (0, 1)]
    return [*fixed, *learned, study("mixed", "mog_vae", beta="linear(0, 4)")]


def made_up(numbers: dict[str, Any], seed: int = 0, data: str = "d", **found: Any) -> Entry:
    run: Any = SimpleNamespace(
        folder=Path(f"run{seed}"), config=SimpleNamespace(training=SimpleNamespace(seed=seed))
    )
    whole = {"recipe": "beta_vae", "data": "toy", "data sha256": data, **found}
    told = {name: v if isinstance(v, dict) else {"value": v} for name, v in numbers.items()}
    return Entry(run, whole, told, data, None)


def differing(groups: list[Group]) -> list[str]:
    return differing_settings([group.settings for group in groups])


def page(runs: Any, folder: Path) -> str:
    return compare(runs, folder / "page.html").read_text(encoding="utf-8")


# ---- groups


def test_repeats_are_averaged_over_seeds():
    values = {0: -3.0, 1: -5.0, 2: -10.0}
    entries = [made_up({"elbo": {"value": v, "se": 9.0}}, s, beta=4) for s, v in values.items()]
    (group,) = grouped(entries)
    found = group.number("elbo")
    assert found is not None and found.n == 3 and found.value == pytest.approx(-6)
    assert found.se == pytest.approx(math.sqrt((9 + 1 + 16) / 2 / 3))
    assert group.number("mig") is None


def test_one_seed_keeps_the_error_over_examples():
    assert over_runs([2.0], [0.5]) == over_runs([2.0], [0.5])
    found = over_runs([2.0], [0.5])
    assert found is not None and (found.se, found.n) == (0.5, 1)
    assert over_runs([2.0], [None]).se is None  # pyright: ignore[reportOptionalMemberAccess]
    assert over_runs([], []) is None


def test_values_that_are_no_numbers_are_left_out_of_means():
    entries = [made_up({"irs": v}, s, beta=1) for s, v in enumerate([None, math.inf, 2.0, 4.0])]
    found = grouped(entries)[0].number("irs")
    assert found is not None and (found.value, found.n) == (3.0, 2)


def test_groups_are_told_apart_by_settings_and_not_by_spelling():
    entries = [made_up({}, seed, beta=beta) for seed, beta in enumerate([10, 4, 4.0, "4", "10.0"])]
    groups = grouped(entries)
    assert [len(g.entries) for g in groups] == [3, 2]  # and in the order of numbers, not of text
    assert [g.settings["beta"] for g in groups] == [4, 10]
    assert differing(groups) == ["beta"] and labels([g.settings for g in groups], ["beta"]) == [
        "beta 4",
        "beta 10",
    ]


def test_what_the_recipe_tells_is_no_column():
    groups = grouped(
        [
            made_up({}, recipe="isa_vae", beta=1, p0=2.1, latent=8),
            made_up({}, recipe="beta_vae", beta=1, latent=10),
            made_up({}, recipe="beta_vae", beta=2, latent=10),
        ]
    )
    assert differing(groups) == ["recipe", "beta", "latent"]
    names = labels([g.settings for g in groups], ["recipe", "beta", "latent"])
    assert names == ["isa_vae · beta 1", "beta_vae · beta 1", "beta_vae · beta 2"]


def test_what_was_chosen_for_one_recipe_is_a_column():
    ramp = "linear(0, 4, epochs=2)"
    groups = grouped([made_up({}, recipe="vae"), made_up({}, recipe="beta_vae", beta=ramp)])
    assert differing(groups) == ["recipe", "beta"] and own([g.settings for g in groups]) == {}
    groups = grouped([made_up({}, recipe="vae"), made_up({}, recipe="beta_vae", beta="4")])
    assert differing(groups) == ["recipe"] and own([g.settings for g in groups]) == {
        "beta_vae": {"beta": "4"}
    }


def test_sets_of_one_name_are_told_apart_by_checksum():
    same = grouped([made_up({}, beta=1), made_up({}, beta=2)])
    assert "data sha256" not in differing(same)
    assert common([g.settings for g in same]) == {"recipe": "beta_vae", "data": "toy"}
    other = grouped([made_up({}, beta=1), made_up({}, data="e", beta=1)])
    assert differing(other) == ["data sha256"]


def test_settings_of_a_run_hold_defaults_and_no_seed(noisy):
    a, b = noisy[:2]
    assert settings(a) == settings(b)
    assert settings(a)["prior"] == "normal" and settings(a)["batch"] == 20
    assert "seed" not in settings(a) and settings(a)["data"] == "small.npy"


# ---- the best


def test_the_best_by_the_direction_of_each_number():
    groups = grouped(
        [
            made_up({"elbo": -5.0, "distortion": 4.0, "rate": 1.0}, beta=1),
            made_up({"elbo": -3.0, "distortion": 9.0, "rate": 2.0}, beta=2),
        ]
    )
    known = ["density of x"] * 2
    assert ranking("elbo", groups, known).best == 1
    assert ranking("distortion", groups, known).best == 0
    assert ranking("rate", groups, known).best is None  # less is no merit in itself
    mixed = ranking("elbo", groups, ["density of x", "density of x given c"])
    assert mixed.best is None and "no common scale" in mixed.why


@pytest.mark.parametrize(("apart", "near"), [(2.9, (0,)), (2.7, (0,)), (2.84, ()), (5.0, ())])
def test_what_two_standard_errors_do_not_tell_from_the_best(apart, near):
    error = 1.0 if apart not in (2.9,) else 1.1
    numbers = [{"elbo": {"value": v, "se": error}} for v in (0.0, apart)]
    groups = grouped([made_up(n, beta=i) for i, n in enumerate(numbers)])
    found = ranking("elbo", groups, ["density of x"] * 2)
    assert found.best == 1 and found.near == near  # 2 √2 = 2.83


def test_no_score_is_the_best_that_its_shuffled_value_reaches():
    def best(*scores: tuple[float, float, float | None]) -> Any:
        numbers = [{"mig": {"value": v, "shuffled": b, "se": e}} for v, b, e in scores]
        groups = grouped([made_up(n, beta=i) for i, n in enumerate(numbers)])
        return ranking("mig", groups, [None] * len(groups))

    assert best((0.8, 0.79, None), (0.6, 0.1, None)).best == 1
    assert best((0.8, 0.1, 0.4), (0.6, 0.1, 0.2)).best == 1
    none = best((0.06, 0.02, None), (0.05, 0.03, None))
    assert none.best is None and "none is clearly above" in none.why
    assert best((0.8, 0.1, None), (0.9, 0.1, None)) == ranking(
        "mig", grouped([made_up({"mig": v}, beta=i) for i, v in enumerate((0.8, 0.9))]), [None] * 2
    )


def test_no_best_among_what_cannot_be_compared():
    def judged(**more: Any) -> str:
        first = {"mig": {"value": 0.2, "estimator": "a", "split": "test", "n": 9, "bins": 20}}
        other = {"mig": {**first["mig"], "value": 0.3, **more}}
        return ranking("mig", grouped([made_up(first, x=1), made_up(other, x=2)]), [None] * 2).why

    assert judged() == ""
    for key, value in {"estimator": "b", "split": "training", "n": 8, "bins": 10}.items():
        assert f"judged in different ways: {key}" in judged(**{key: value})
    groups = grouped([made_up({"mig": 0.1}, x=1), made_up({"mig": 0.2}, data="e", x=1)])
    assert ranking("mig", groups, [None, None]).why == "judged on different data"
    assert ranking("mig", grouped([made_up({"mig": 0.1})]), [None]).best is None


# ---- axes


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([1, "2", 4.0], ("", [1, 2, 4])),
        (["linear(0, 4, epochs=2)", "cosine(0, 2)", 3], ("", [4, 2, 3])),
        (["gaussian(sigma=0.1)", "gaussian(sigma=0.3)", None], (" sigma", [0.1, 0.3, None])),
        (["mlp(400)", "mlp(100)"], ("", [400, 100])),
        (["mlp(400, 100)", "mlp(100)"], None),
        (["gaussian(sigma=0.1, learned=no)", "gaussian(sigma=0.3, learned=batch)"], None),
        (["bernoulli", "squared_error"], None),
        (["normal", "normal"], None),
        ([True, False], None),
        ([None, None], None),
    ],
)
def test_settings_as_numbers(given, found):
    assert as_numbers(given) == found


def test_an_axis_joins_what_differs_in_it_alone():
    groups = grouped(
        [made_up({}, beta=beta, latent=latent) for latent in (2, 8) for beta in (4, 1)]
        + [made_up({}, beta=3, latent=5)]
    )
    beta, latent = axes_of(groups, ["beta", "latent"])
    assert [(s.name, s.values) for s in beta.series] == [
        ("latent 2", [1, 4]),
        ("latent 8", [1, 4]),
        ("latent 5", [3]),
    ]
    assert latent.name == "latent" and latent.series[0].values == [2, 8]
    confounded = grouped([made_up({}, beta=b, latent=b) for b in (1, 2)])
    assert axes_of(confounded, ["beta", "latent"]) == []


def test_scores_follow_beta_within_each_recipe():
    def judged(recipe: str, beta: float, **more: Any) -> Entry:
        mig = {"value": beta / 10, "factors": ["shape"], "direction": "consistent"}
        return made_up(
            {"mig": mig, "distortion": 50 + beta, "squared_error": 3 + beta},
            recipe=recipe,
            beta=beta,
            **more,
        )

    groups = grouped([judged(r, b) for r in ("beta_vae", "isa_vae") for b in (4, 1, 2)])
    found = tradeoffs.scores(groups, differing(groups), ["density of x"] * 6)
    assert found is not None and "follows beta" in found.caption
    assert "E log p(x|z)" in found.caption and "isa_vae" in found.figures[0]
    assert found.figures[1].count(">4</text>") == 2
    unlike = tradeoffs.scores(groups, differing(groups), ["density of x", "probability of x"] * 3)
    assert unlike is not None and "no common scale" in unlike.caption
    bare = grouped([made_up({"mig": 0.1}, beta=1), made_up({"mig": 0.2}, beta=2)])
    assert tradeoffs.scores(bare, ["beta"], [None] * 2) is None


# ---- noise


def test_the_variance_of_each_kind_of_noise():
    net = torch.nn.Linear(2, 2)
    assert noise_of(Gaussian(net, 0.3)) == ("fixed noise", pytest.approx(0.09))
    kind, variance = noise_of(Gaussian(net, 0.3, "average"))
    assert kind == "learned noise" and variance == pytest.approx(0.09)
    mixture = GaussianMixture(net, 2)
    mixture.settle(torch.cat([torch.full((900,), 0.01), torch.full((100,), 1.0)]))
    kind, variance = noise_of(mixture)
    assert kind == "mixture of 2 at Σπσ²" and variance == pytest.approx(0.109, rel=1e-3)
    assert noise_of(NetworkGaussian(torch.nn.Linear(2, 4))) == ("noise of each entry", None)
    assert noise_of(Bernoulli(net)) == (None, None)


def test_the_weight_of_the_rate():
    assert rate_weight(Distortion() + 4.0 * KL()) == 4
    assert rate_weight(2.0 * Distortion() + Linear(0, 4, epochs=1) * KL()) == 2
    assert rate_weight(1.0 * Distortion()) is None
    assert rate_weight(Distortion() + 1.0 * KL() + 1.0 * TotalCorrelation()) is None


def test_a_reading_is_of_the_run_itself(noisy):
    run = noisy[-1]
    (entry,), _ = gather([run])
    assert entry.test is not None
    items = items_of(entry.test, 8)
    found = read_model(entry, items)
    noise = run.model.likelihood.noise()
    mean = sum(noise[f"noise_share_{k}"] * noise[f"noise_variance_{k}"] for k in (0, 1))
    assert found.normalised == pytest.approx(4 * mean) and found.measure == "density of x"
    known = information.indicators(run.model, entry.test)
    assert found.indicators is not None
    assert found.indicators["aggregate_kl_gaussian"][0] == pytest.approx(
        float(known.difference.sum())
    )
    assert found.indicators["influential_units"][0] == int(known.influential.sum())
    x = items.batch(torch.arange(8)).numpy()
    assert found.images is not None
    assert found.images.numpy() == pytest.approx(run.reconstruct(x), abs=1e-5)


def test_ranks_are_written_as_ranges():
    assert side_by_side.ranges([1, 3, 4, 5, 9, 10]) == "1, 3–5, 9–10"
    assert side_by_side.ranges([]) == ""


def test_residuals_share_one_scale(noisy):
    (entry,), _ = gather(noisy[:1])
    assert entry.test is not None
    items = items_of(entry.test, 4)
    x = items.batch(torch.arange(4))
    found = side_by_side.common_residuals(items, {0: x, 3: x - 0.5})
    assert found is not None and found.limit == pytest.approx(0.5)
    assert set(found.tiles(0).flatten()) == {128} and set(found.tiles(3).flatten()) == {255}
    assert side_by_side.common_residuals(items, {}) is None


# ---- the page


def test_a_page_of_noise(noisy, tmp_path):
    text = page(noisy, tmp_path)
    found = parsed(text)
    assert all(link.startswith(("data:", "#")) for link in found.links)
    assert not re.search(r"@import|<script [^>]*src|<link|url\((?!#)", text)
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    for part in (
        "7 runs · 4 settings with 1 to 2 seeds each",
        "The same items",
        "Along the normalised variance",
        "fixed noise",
        "learned noise",
        "mixture of 2 at Σπσ²",
        "influential factors",
        "likelihood sigma",
        "lower bound",
        "In common",
    ):
        assert part in found.text, part
    assert "Scores" not in found.text


def test_the_same_runs_give_the_same_page_and_leave_no_trace(noisy, tmp_path):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = page(noisy, tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    again = [Run(run.folder) for run in noisy]
    assert page(again, tmp_path) == first
    assert "system" not in again[0].__dict__  # models are not all held


def test_the_page_of_forty(noisy, tmp_path):
    first = noisy[0].folder
    for i in range(40):
        folder = tmp_path / f"run{i}"
        shutil.copytree(first, folder)
        found = yaml.safe_load((folder / "run.yaml").read_text())
        found["arguments"]["beta"] = float(1 + i % 8)
        found["training"]["lr"] = [1e-3, 2e-3, 3e-3, 4e-3, 5e-3][i // 8]
        (folder / "run.yaml").write_text(yaml.safe_dump(found))
    text = page([tmp_path / f"run{i}" for i in range(40)], tmp_path)
    assert text.count('<td class="rank">40</td>') == 2 and len(text) < 2_000_000
    assert "40 · beta 8 · lr 0.005" in parsed(text).text


def test_rows_and_deterministic_codes(study, tmp_path):
    runs = [study(f"ae{n}", "ae", "rows", latent=n, likelihood="squared_error") for n in (2, 3)]
    text = parsed(page(runs, tmp_path)).text
    assert "The same items" not in text and "Along a setting" in text


def test_pictures_only_where_shapes_agree(study, tmp_path):
    runs = [study(data, "vae", data) for data in ("small", "other", "large", "rows")]
    text = parsed(page(runs, tmp_path)).text
    assert "Trained on other data, and new to these items: 4." in text
    assert "Not shown: 1, 3 (other shapes)." in text
    assert "judged on different data" in text


def test_data_that_are_not_at_hand_leave_the_numbers(noisy, tmp_path):
    runs = []
    for seed in (0, 1):
        folder = tmp_path / f"moved{seed}"
        shutil.copytree(noisy[seed].folder, folder)
        found = yaml.safe_load((folder / "run.yaml").read_text())
        found["data"] = "/nowhere/small.npy"
        (folder / "run.yaml").write_text(yaml.safe_dump(found))
        runs.append(folder)
    text = parsed(page(runs, tmp_path)).text
    assert "The data small.npy are not at hand" in text and "2 runs that differ in nothing" in text
    assert "ELBO" in text and "The same items" not in text


def test_scores_stand_beside_their_bias(noisy, tmp_path):
    for i in (0, 2):
        shutil.copytree(noisy[i].folder, tmp_path / str(i))
        numbers = json.loads((tmp_path / str(i) / "metrics.json").read_text())
        score = {"value": 0.3 + i / 10, "shuffled": 0.125, "factors": ["shape"]}
        (tmp_path / str(i) / "metrics.json").write_text(json.dumps({**numbers, "mig": score}))
    text = parsed(page([tmp_path / "0", tmp_path / "2"], tmp_path)).text
    assert "In brackets the value when shuffled" in text
    assert "[0.125]" in text


def test_what_is_averaged_over_fewer_seeds_or_other_data_says_so(noisy, tmp_path):
    for i in (0, 1):
        shutil.copytree(noisy[i].folder, tmp_path / str(i))
    path = tmp_path / "0" / "metrics.json"
    found = json.loads(path.read_text())
    found["rate"]["value"] = None
    path.write_text(json.dumps({k: {**v, "split": "training"} for k, v in found.items()}))
    text = parsed(page([tmp_path / "0", tmp_path / "1", *noisy[2:]], tmp_path)).text
    assert "(1 of 2)" in text and "Judged on the training data" in text
    assert "judged in different ways: split training, " in text


def test_noise_of_every_entry_has_no_place_on_the_axis(noisy, study, tmp_path):
    text = parsed(page([*noisy, study("network", "network_noise_vae")], tmp_path)).text
    assert "σ² for every entry: 5." in text


# ---- what is given wrongly


def test_one_run_twice_is_one(noisy, tmp_path):
    folder = noisy[0].folder
    with pytest.raises(VaekitError, match=r"two runs or more.*given twice"):
        compare([folder, folder], tmp_path / "page.html")
    shutil.copytree(folder, tmp_path / "copy")
    with pytest.raises(VaekitError, match="settings and the seed"):
        compare([folder, tmp_path / "copy"], tmp_path / "page.html")
    text = parsed(page([folder, tmp_path / "copy", noisy[2].folder], tmp_path)).text
    assert "count once" in text and "2 runs, one of each setting" in text


def test_errors(noisy, tmp_path):
    with pytest.raises(VaekitError, match="two runs or more"):
        compare([], tmp_path / "page.html")
    with pytest.raises(VaekitError, match="vaekit report"):
        compare(noisy[:1], tmp_path / "page.html")
    with pytest.raises(VaekitError, match="is not a run folder"):
        compare([tmp_path, *noisy], tmp_path / "page.html")
    with pytest.raises(VaekitError, match="is a folder"):
        compare(noisy, tmp_path)


def test_unfinished_and_unjudged_runs_say_so(noisy, tmp_path):
    for name in ("begun", "unjudged"):
        shutil.copytree(noisy[0].folder, tmp_path / name)
    (tmp_path / "begun" / "model.safetensors").unlink()
    found = yaml.safe_load((tmp_path / "unjudged" / "run.yaml").read_text())
    found["notes"] |= {"state": "interrupted", "step": 1, "steps": 3}
    (tmp_path / "unjudged" / "run.yaml").write_text(yaml.safe_dump(found))
    (tmp_path / "unjudged" / "metrics.json").unlink()
    text = parsed(page([tmp_path / "begun", tmp_path / "unjudged", *noisy], tmp_path)).text
    assert "has no weights any more" in text and "Not evaluated yet" in text
    assert "interrupted at step 1 of 3" in text


def test_damaged_metrics(noisy, tmp_path):
    shutil.copytree(noisy[0].folder, tmp_path / "bad")
    (tmp_path / "bad" / "metrics.json").write_text("{")
    with pytest.warns(VaekitWarning, match=r"metrics\.json is damaged and left out"):
        compare([tmp_path / "bad", noisy[1]], tmp_path / "page.html")
    text = parsed((tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert "Not evaluated yet" in text and str(tmp_path / "bad") in text


# ---- the command


def test_a_glob_skips_what_is_no_run(noisy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for i in (0, 2):
        shutil.copytree(noisy[i].folder, tmp_path / "runs" / f"run{i}")
    (tmp_path / "runs" / "run0" / "metrics.json").unlink()
    (tmp_path / "runs" / "notes.txt").write_text("mine")
    cli.main(["compare", *(str(p) for p in sorted((tmp_path / "runs").iterdir()))])
    said = capsys.readouterr()
    assert said.out == "compare.html\n" and "skipped" in said.err and "notes.txt" in said.err
    assert "evaluating" in said.err
    assert json.loads((tmp_path / "runs" / "run0" / "metrics.json").read_text())["elbo"]
    assert "ELBO" in parsed((tmp_path / "compare.html").read_text(encoding="utf-8")).text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare"], "runs"),
        (["compare", "nowhere/*"], "there is no run folder nowhere/*"),
        (["compare", "."], "two runs or more"),
        (["compare", "study"], "there are runs within it: write study/*"),
    ],
)
def test_mistakes_on_the_command_line(words, said, noisy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(noisy[0].folder, tmp_path / "study" / "one")
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_groups_hold_runs_by_seed():
    group = grouped([made_up({}, 5, beta=1), made_up({}, 2, beta=1)])[0]
    assert isinstance(group, Group) and group.first.seed == 2


def test_of_two_equal_runs_the_sound_one_counts(noisy, tmp_path, capsys):
    folders = [tmp_path / name for name in ("damaged", "sound", "third")]
    for folder, run in zip(folders, (noisy[0], noisy[0], noisy[1]), strict=True):
        shutil.copytree(run.folder, folder)
    (folders[0] / "model.safetensors").write_bytes(b"none")
    cli.main(["compare", *map(str, folders), "--out", str(tmp_path / "page.html")])
    said = f"{folders[0]} has the settings and the seed of {folders[1]}: the two are one run"
    assert said in capsys.readouterr().err
    kept, notes = gather([Run(folder) for folder in folders])
    assert [entry.run.folder for entry in kept] == folders[1:]
    assert said in notes[0]


def test_what_is_left_out_is_said(noisy, tmp_path, capsys):
    shutil.copytree(noisy[0].folder, tmp_path / "bare")
    (tmp_path / "bare" / "model.safetensors").unlink()
    words = [str(run.folder) for run in noisy[:2]]
    cli.main(["compare", str(tmp_path / "bare"), *words, "--out", str(tmp_path / "page.html")])
    assert f"Left out: {tmp_path / 'bare'} has no weights any more" in capsys.readouterr().err

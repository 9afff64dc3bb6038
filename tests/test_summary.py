"""What a run says of itself, on runs that were made to be so: what is said, and what is not."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch

import vaekit
from vaekit.errors import VaekitWarning
from vaekit.report.rendering import options_as_code
from vaekit.runs import Run
from vaekit.runs.summary import Sentence, advice
from vaekit.runs.summary.learned import column_correlations, shares_of
from vaekit.runs.summary.sentences import amount, percent
from vaekit.training import Training

SMALL = {"network": "mlp(32)", "device": "cpu", "verbose": False, "data": "digits"}
# What is wrong, by words that no other sentence has.
WRONG = {
    "short": "The code is not used yet",
    "collapsed": "The code has collapsed",
    "improving": "Training still improves",
    "overfitted": "The model overfits",
    "unused": "latents are not used",
    "block": "it is not used.",
    "units": "of the units of the code are never used",
    "floor": "is at the floor of",
    "dead": "of the noise mixture has died",
    "blind": "no better than the mean",
    "unfinished": "Training is ",
    "diverged": "Training diverged",
    "infinite": "of its numbers are not finite",
    "all": "Nothing was held out",
}


def made(tmp_path, recipe="vae", **settings) -> Run:
    run = vaekit.train(recipe, out=tmp_path / "run", **{**SMALL, **settings})
    run.evaluate()
    return run


def said(run: Run, kind: str = "") -> str:
    return " ".join(text for own, text in run.summary() if kind in ("", own))


def wrongs(run: Run) -> set[str]:
    """Name what is said to be wrong; each has a number, and each try follows something wrong."""
    sentences = run.summary()
    texts = [text for kind, text in sentences if kind == "wrong"]
    assert all(re.search(r"\d", text) for text in texts), texts
    kinds = [kind for kind, _ in sentences]
    assert all(kinds[i - 1] == "wrong" for i, kind in enumerate(kinds) if kind == "try")
    names = {name for name, words in WRONG.items() for text in texts if words in text}
    assert len(names) == len(texts), texts
    return names


# ---- what is wrong


def test_too_short(tmp_path):
    run = made(tmp_path, latent=8, epochs=2, batch=500)
    assert wrongs(run) == {"short"} | ({"blind"} & wrongs(run))
    assert "after 6 steps: 0 latents are active and the rate is 0.0" in said(run)
    assert "--epochs 4" in said(run, "try") and "in use" not in said(run, "learned")


def test_collapsed(tmp_path):
    run = made(tmp_path, "beta_vae", latent=4, beta=100.0, epochs=40, batch=50)
    assert wrongs(run) == {"collapsed", "blind"}
    assert '--beta "linear(0, 100, epochs=10)"' in said(run, "try")
    assert "--beta 25" in said(run, "try") and "Reconstructions keep" not in said(run)
    assert "No latent alone tells the class, one of 10" in said(run, "learned")


def test_still_improving(tmp_path):
    run = made(tmp_path, latent=4, epochs=3, batch=20, lr=3e-4)
    assert "the objective falls, by" in said(run, "wrong")
    assert f"run.yaml --epochs 6 --start {run.folder} --out NEW --validation 0.1" in said(
        run, "try"
    )
    assert "improving" in wrongs(run)


def test_a_growing_weight_is_no_fall_or_rise(tmp_path):
    run = made(tmp_path, "beta_vae", latent=4, epochs=3, batch=20, beta="linear(4, 0)")
    assert "improving" not in wrongs(run)


@pytest.fixture
def few(tmp_path):
    """Give noise alone: all that is learned of it in training is of no use for others."""
    x = np.random.default_rng(0).random((60, 20)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    wide = {"latent": 16, "network": "mlp(256, 256)", "likelihood": "gaussian(sigma=0.1)"}
    return {"data": str(tmp_path / "x.npy"), "epochs": 150, "batch": 20, **wide}


def test_overfitted_by_the_test_set(few, tmp_path):
    run = made(tmp_path, **few)
    assert wrongs(run) == {"overfitted"}
    assert re.search(r"distortion is −?[\d.]+ nats in training and [\d.]+ on the test", said(run))
    assert "--validation 0.1 --keep best" in said(run, "try")


def test_overfitted_by_the_validation_set(few, tmp_path):
    run = made(tmp_path, **few, validation=0.2)
    assert "The model overfits: in validation the objective was" in said(run, "wrong")
    assert "Keep the best weights (--keep best)" in said(run, "try")


def test_the_best_weights_are_kept(few, tmp_path):
    run = made(tmp_path, **few, validation=0.2, keep="best", patience=8)
    best, last = run.config.notes["best_step"], run.config.notes["step"]
    assert "overfitted" not in wrongs(run)
    good = said(run, "good")
    assert f"Training stopped at step {last} of 300: no new best in validation" in good
    assert f"the weights are those of step {best}, the best" in good
    rows = [row for row in run.history if "validation_objective" in row]
    assert min(rows, key=lambda row: row["validation_objective"])["step"] == best
    held_out = run.validation
    assert held_out is not None
    assert len(held_out) == run.config.notes["validation"] == 11


def test_most_latents_are_unused(tmp_path):
    x = np.random.default_rng(0).random((80, 1)).repeat(6, 1).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    settings = {"data": str(tmp_path / "x.npy"), "likelihood": "gaussian(sigma=0.2)"}
    run = made(tmp_path, **settings, latent=16, epochs=100, batch=20, lr=0.003)
    assert "unused" in wrongs(run) and "collapsed" not in wrongs(run)
    count, size = re.search(r"(\d+) of (\d+) latents are not used", said(run)).groups()  # pyright: ignore
    used = int(size) - int(count)
    assert f"{used} of 16 latents" in said(run, "learned") and f"--latent {used};" in said(run)
    assert (
        len(re.findall(r"z\d+", said(run, "learned").split("which move")[1].split(".")[0])) == used
    )


def test_a_block_that_carries_nothing(tmp_path):
    run = made(tmp_path, latent=4, epochs=5, batch=50)
    numbers = run.metrics
    rate = numbers["rate"]
    run.save_metrics(numbers | {"rate_style": rate, "rate_class": {**rate, "value": 0.004}})
    assert "block" in wrongs(run) and "The block class carries 0.00 of" in said(run)
    assert "block style" not in said(run)


def test_the_floor_of_a_learned_noise(tmp_path):
    x = np.repeat(np.random.default_rng(0).random((80, 1)), 6, 1).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    settings = {"data": str(tmp_path / "x.npy"), "latent": 2, "epochs": 20, "batch": 20}
    with pytest.warns(VaekitWarning, match="at the floor"):
        run = made(tmp_path, "noise_vae", **settings, floor=0.5, learned="batch")
    assert "floor" in wrongs(run) and "floor of 0.5, which limits" in said(run, "wrong")
    assert "Lower floor, or scale the data up." in said(run, "try")
    free = made(tmp_path / "free", "noise_vae", **settings)
    assert "floor" not in wrongs(free) and "It learned a noise of σ = 0." in said(free, "learned")
    numbers = free.metrics  # written by training, and read again
    assert numbers["noise_variance"]["n"] is None and "elbo" in numbers
    variance = numbers["noise_variance"]["value"]
    assert f"σ² = {amount(variance)}" in said(free, "learned")
    assert numbers["normalised_noise_variance"]["value"] == pytest.approx(variance)
    # One variance for each entry, of which most lie on the floor.
    with pytest.warns(VaekitWarning, match="at the floor"):
        each = made(tmp_path / "each", "network_noise_vae", **settings, floor=0.5, sigma=0.01)
    assert "floor" in wrongs(each) and "σ² of 100% of the entries" in said(each)


def test_units_of_a_sparse_code_that_are_never_used(tmp_path):
    run = made(tmp_path, "k_sparse_ae", latent=64, k=2, epochs=2, batch=200)
    numbers = run.metrics
    for share in (0.75, 0.25):
        run.save_metrics(numbers | {"unused_units": {**numbers["unused_units"], "value": share}})
        assert ("units" in wrongs(run)) == (share > 0.5)
    assert "--network tied" not in said(run)


def test_training_that_has_not_ended(tmp_path):
    run = made(tmp_path, latent=4, epochs=2, batch=50)
    config = run.config
    for state, words in {
        "interrupted": "Training is interrupted: it is at step 7 of 60.",
        "diverged": "Training diverged at step 7 of 60: the loss was no number (NaN) any more",
    }.items():
        notes = {**config.notes, "state": state, "step": 7, "steps": 60}
        run.__dict__["config"] = replace(config, notes=notes)
        assert words in said(run, "wrong") and "collapsed" not in wrongs(run)
        wanted = {
            "interrupted": "--resume",
            "diverged": "--lr 0.0001, and shorter gradients, --clip 1",
        }
        assert wanted[state] in said(run, "try")


def test_numbers_that_are_no_numbers(tmp_path):
    run = made(tmp_path, latent=4, epochs=2, batch=50)
    run.save_metrics(run.metrics | {"elbo": {**run.metrics["elbo"], "value": None}})
    assert "1 of its numbers are not finite: elbo." in said(run, "wrong")
    assert "ELBO" not in said(run, "good")


def test_nothing_held_out(tmp_path):
    x = np.random.default_rng(0).random((80, 6), np.float32)
    np.save(tmp_path / "x.npy", x)
    run = made(
        tmp_path, "ae", data=str(tmp_path / "x.npy"), latent=2, epochs=2, batch=20, holdout=0.0
    )
    assert "all" in wrongs(run) and "of 80 examples" in said(run, "wrong")
    assert "training example" in said(run, "good")


# ---- how good, and what was learned


def test_a_good_run_without_a_prior_has_nothing_wrong(tmp_path):
    run = made(tmp_path, "ae", latent=4, epochs=100, batch=100, lr="cosine(0.005, 0)")
    assert wrongs(run) == set() and said(run, "try") == ""
    good = said(run, "good")
    assert "ELBO" not in good and "so that it has no price" in good
    kept = re.search(r"Reconstructions keep (\d+) % of what varies in the test set", good)
    x = run.data.test.batch(torch.arange(len(run.data.test))).flatten(1)
    whole = float(((x - x.mean(0)) ** 2).sum(1).mean())
    assert kept and int(kept[1]) == round(100 * (1 - run.metrics["squared_error"]["value"] / whole))
    assert int(kept[1]) > 50 and "4 of 4 latents are in use" in said(run, "learned")
    assert "Of the entropy of the class, one of 10, latents tell " in said(run)


def test_a_good_run_with_a_prior(tmp_path):
    run = made(tmp_path, latent=3, epochs=40, batch=50, lr="cosine(0.005, 0)")
    assert wrongs(run) == set()
    elbo = run.metrics["elbo"]
    good = said(run, "good")
    assert f"at {amount(elbo['value'], elbo['se'])} nats (ELBO" in good
    assert f"the code says {amount(run.metrics['rate']['value'])} nats of it (rate)" in good
    assert "no mistake" not in good and "I(x; z)" not in said(run)
    run.ledger(n=100, samples=2)
    assert "tell which example it is (I(x; z), the ledger)" in said(run, "learned")
    run.evaluate(information=True, importance_samples=2)
    assert "tell which example it is (I(x; z), metrics.json)" in said(run, "learned")


def test_a_density_above_1_is_no_mistake(tmp_path):
    x = np.random.default_rng(0).random((80, 1)).repeat(9, 1).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    settings = {"data": str(tmp_path / "x.npy"), "likelihood": "gaussian(sigma=0.1)"}
    run = made(tmp_path, **settings, latent=2, epochs=60, batch=20, lr=0.003)
    assert run.metrics["distortion"]["value"] < 0
    assert "Numbers above 0 are no mistake" in said(run, "good")


def test_latents_of_a_table_go_with_columns(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300))
    columns = {"warm": a, "hot": a + 0.1 * rng.normal(size=300), "wide": b, "noise": 0 * a}
    pl.DataFrame(columns | {"noise": rng.normal(size=300)}).write_csv(tmp_path / "t.csv")
    settings = {"data": str(tmp_path / "t.csv"), "likelihood": "gaussian(sigma=0.3)"}
    run = made(tmp_path, **settings, latent=2, epochs=60, batch=30, lr=0.003)
    text = said(run, "learned")
    (named,) = re.findall(r"Latents follow columns of the table: (.*?)\)\.", text)
    assert re.findall(r"z\d (\w+) \(correlation −?[01]\.\d\d", named)[0] in ("warm", "hot")
    assert "class" not in text and "Factors" not in text


def test_factors_and_what_carries_them(tmp_path):
    data = "sprites(scales=1, rotations=2, positions=6, size=16)"
    run = made(tmp_path, "beta_vae", data=data, latent=5, beta=1.0, epochs=30, batch=20)
    text = said(run, "learned")
    assert (
        "Factors, with the latent that tells most of each (by 194 training examples): shape by "
        in text
    )
    assert re.search(r"x by z\d \(\d+ %\)", text) and "scale" not in text  # of one level
    assert "class" not in text and "told to it" not in text


def test_a_conditional_model_is_told_the_class(tmp_path):
    run = made(tmp_path, "cvae", latent=4, epochs=10, batch=50)
    assert "a test example whose condition it is told" in said(run, "good")
    assert "The class, one of 10, is told to it; a latent tells" in said(run, "learned")
    assert "is told best by" not in said(run)


def test_values_of_a_category(tmp_path):
    run = made(tmp_path, "joint_vae", epochs=3, batch=100)
    assert re.search(r"In use are \d+ of 10 values of the category", said(run, "learned"))


def test_without_numbers_or_weights_less_is_said(tmp_path):
    run = made(tmp_path, latent=4, epochs=3, batch=50)
    (run.folder / "metrics.json").unlink()
    assert "not judged yet: vaekit evaluate" in said(Run(run.folder), "good")
    (run.folder / "model.safetensors").unlink()
    bare = Run(run.folder).summary()
    assert [kind for kind, _ in bare] == ["good"] or "learned" not in [kind for kind, _ in bare]


# ---- what they are made of


def test_shares_of_entropies():
    rng = np.random.default_rng(0)
    levels = np.column_stack([rng.integers(0, 4, 2000), rng.integers(0, 2, 2000), np.zeros(2000)])
    values = np.column_stack([levels[:, 0], rng.normal(size=2000)])
    shares = shares_of(values, levels.astype(int))
    assert shares[0, 0] == pytest.approx(1, abs=0.01) and abs(shares[1, 0]) < 0.02
    assert shares[:, 1].max() < 0.02 and np.isnan(shares[:, 2]).all()


def test_correlations_are_those_of_numpy():
    rng = np.random.default_rng(0)
    z, x = rng.normal(size=50), rng.normal(size=(50, 3))
    x[:, 2] = 1.0
    wanted = [np.corrcoef(z, column)[0, 1] for column in x.T[:2]]
    assert column_correlations(z, x) == pytest.approx([*wanted, 0.0])


def test_numbers_as_they_are_written():
    assert amount(-86.4821, 0.9405) == "−86.5 ± 0.9" and amount(-15.4, 1.4) == "−15.4 ± 1.4"
    assert [amount(v) for v in (1234.5, 7.3123, 0.0234, 0.0)] == ["1,234", "7.31", "0.0234", "0"]
    assert amount(0.0000123) == "1.23e−05" and amount(float("inf")) == "infinite"
    assert [percent(v) for v in (0, 0.004, 0.5, -0.05)] == ["0 %", "less than 1 %", "50 %", "−5 %"]


def test_options_stand_out_as_code():
    made = options_as_code('Try <b>, --beta "linear(0, 1)", or --epochs 40.')
    assert "<code>--beta &#34;linear(0, 1)&#34;</code>" in made
    assert "<code>--epochs 40</code>." in made and "&lt;b&gt;" in made


# ---- where they are said


def test_the_commands_and_the_page_say_them(few, tmp_path, capsys):
    from vaekit.cli import main

    words = [f"--{k}={v}" for k, v in few.items()]
    place = str(tmp_path / "r")
    main(["train", "vae", *words, "--validation", "0.2", "--device", "cpu", "--out", place])
    assert "  wrong:   The model overfits: in validation" in capsys.readouterr().out
    main(["evaluate", place])
    assert "  try:     Keep the best weights" in capsys.readouterr().out
    main(["report", place])
    assert capsys.readouterr().out == f"{place}/report.html\n"  # a script reads the place
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "What is wrong, and what to try" in page and "Nothing wrong was found" not in page
    assert "<code>--keep best</code>" in page
    assert json.loads((tmp_path / "r" / "metrics.json").read_text())["elbo"]["value"] is not None
    assert Run(place).summary()[0] == Sentence(*Run(place).summary()[0])


def test_the_advice_after_an_early_stop_gives_more_patience(tmp_path):
    """Without it the command that is advised makes no step, and takes the checkpoint with it."""
    training = Training(epochs=12, validate_every=1, patience=1)
    run = SimpleNamespace(folder=tmp_path / "a run", config=SimpleNamespace(training=training))
    run.checkpoint = run.folder / "checkpoint"
    said = advice.train_longer(run)
    assert f'--epochs 24 --start "{run.folder}" --out NEW' in said
    run.checkpoint.mkdir(parents=True)
    said = advice.train_longer(run)
    assert f'--epochs 24 --patience 4 --out "{run.folder}" --resume --keep-checkpoint.' in said

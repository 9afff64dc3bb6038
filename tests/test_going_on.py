"""Longer runs, and runs that begin with the weights of another."""

import math

import numpy as np
import pytest
import torch
from parts import same
from safetensors.torch import load_file, save_file
from torch import nn

import vaekit
from vaekit import data, recipes
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.estimators import VAE
from vaekit.training import Training, fit
from vaekit.training.state import save_weights

SMALL = {
    **{"network": "mlp(8)", "latent": 3, "data": "digits", "epochs": 2, "batch": 200},
    **{"device": "cpu", "verbose": False},
}


def trained(folder, recipe="vae", **changed) -> vaekit.Run:
    return vaekit.train(recipe, out=folder, **{**SMALL, **changed})


def weights(run: vaekit.Run) -> dict[str, torch.Tensor]:
    return load_file(run.folder / "model.safetensors")


def parts(run: vaekit.Run, name: str) -> list[torch.Tensor]:
    return [v for k, v in run.model.state_dict().items() if k.startswith(name)]


def decoder() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 64), nn.Unflatten(1, (1, 8, 8)))


# ---- longer


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ema": 0.9, "optimiser": "sgd(momentum=0.9)", "clip": 1.0},
        {"validation": 0.2, "keep": "best", "batch": 100},
    ],
)
def test_a_finished_run_is_made_longer(changed, tmp_path):
    whole = trained(tmp_path / "whole", **changed, epochs=5)
    trained(tmp_path / "run", **changed, keep_checkpoint=True)
    run = trained(tmp_path / "run", **changed, epochs=5, keep_checkpoint=True, resume=True)
    assert same(weights(run), weights(whole))
    assert (run.config.notes["step"], run.config.training.epochs) == (
        whole.config.notes["step"],
        5,
    )
    assert run.checkpoint.exists()
    assert [row["step"] for row in run.history][-1] == run.config.notes["step"]
    last = trained(tmp_path / "run", **changed, epochs=6, resume=True)
    assert last.config.training.epochs == 6
    assert not last.checkpoint.exists()


def test_a_kept_checkpoint_outlives_another_resume(tmp_path):
    trained(tmp_path / "run", keep_checkpoint=True)
    run = trained(tmp_path / "run", resume=True)
    assert run.checkpoint.exists()


def test_without_its_checkpoint_a_run_is_not_made_longer(tmp_path):
    before = weights(trained(tmp_path / "run"))
    with pytest.raises(VaekitError, match=r"has no checkpoint any more.*--start .*run"):
        trained(tmp_path / "run", epochs=5, resume=True)
    assert same(weights(vaekit.Run(tmp_path / "run")), before)


@pytest.mark.parametrize("changed", [{"epochs": 1}, {"epochs": 5, "latent": 4}])
def test_a_shorter_run_or_another_is_refused(changed, tmp_path):
    trained(tmp_path / "run", keep_checkpoint=True)
    with pytest.raises(VaekitError, match="is another run"):
        trained(tmp_path / "run", **changed, resume=True)


# ---- from another's weights


def test_it_begins_with_the_weights_of_another(tmp_path):
    first = trained(tmp_path / "a")
    second = trained(tmp_path / "b", start=first, lr=1e-30, optimiser="sgd")
    for name, value in first.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[name], value)
    assert second.config.start == str(first.folder)
    again = trained(tmp_path / "c", start=str(tmp_path / "a"), lr=1e-30, optimiser="sgd")
    assert same(weights(second), weights(again))


def test_parts_are_taken_and_held(tmp_path):
    first = trained(tmp_path / "a")
    second = trained(
        *(tmp_path / "b", "beta_vae"),
        **{"start": first, "start_parts": "posterior", "freeze": ["posterior"], "beta": 2.0},
    )
    assert all(map(torch.equal, parts(first, "posterior"), parts(second, "posterior")))
    assert not any(map(torch.equal, parts(first, "likelihood"), parts(second, "likelihood")))
    fresh = trained(tmp_path / "c", "beta_vae", beta=2.0, freeze="likelihood.network")
    assert all(math.isfinite(row["objective"]) for row in fresh.history)
    assert not any(map(torch.equal, parts(fresh, "posterior"), parts(first, "posterior")))


def test_a_frozen_run_is_resumed_in_the_same_bits(tmp_path):
    first = trained(tmp_path / "a")
    held = {"start": first, "freeze": "posterior"}
    whole = trained(tmp_path / "whole", **held, epochs=4)
    trained(tmp_path / "b", **held, keep_checkpoint=True)
    (tmp_path / "a" / "model.safetensors").unlink()  # it is no more needed
    again = trained(tmp_path / "b", **held, epochs=4, resume=True)
    assert same(weights(again), weights(whole))


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"start": "nowhere"}, "no run folder|is not a run folder"),
        ({"latent": 5}, r"is of another model: .*--start-parts posterior"),
        ({"network": "mlp(8, 8)"}, "is not there|is of another model"),
        ({"start_parts": "encoder"}, "unknown part in start_parts 'encoder'"),
        ({"freeze": "posteriors"}, "unknown part in freeze 'posteriors'. Did you mean 'posterior'"),
        ({"freeze": "posterior, likelihood"}, "all weights are frozen"),
        ({"freeze": 3}, "freeze must be"),
        ({"start": 3}, "the run to start from"),
    ],
)
def test_starts_that_do_not_serve(changed, cause, tmp_path):
    first = trained(tmp_path / "a")
    with pytest.raises(VaekitError, match=cause):
        trained(tmp_path / "b", **{"start": str(first.folder), **changed})
    assert not (tmp_path / "b").exists()


def test_the_command_line_starts_and_goes_on(tmp_path, capsys):
    from vaekit.cli import main

    words = [
        "train",
        "vae",
        "--data",
        "digits",
        "--network",
        "mlp(8)",
        "--latent",
        "3",
        "--batch",
        "200",
        "--device",
        "cpu",
    ]
    main([*words, "--epochs", "2", "--out", str(tmp_path / "a"), "--keep-checkpoint"])
    main([*words, "--epochs", "3", "--out", str(tmp_path / "a"), "--resume"])
    more = ["--start", str(tmp_path / "a"), "--freeze", "posterior"]
    main([*words, "--epochs", "1", "--out", str(tmp_path / "b"), *more])
    said = capsys.readouterr().out
    assert "nothing was trained" not in said
    assert vaekit.Run(tmp_path / "a").config.notes["step"] == 24
    assert vaekit.Run(tmp_path / "b").config.freeze == "posterior"
    before = np.asarray(parts(vaekit.Run(tmp_path / "a"), "posterior")[0])
    assert np.array_equal(before, parts(vaekit.Run(tmp_path / "b"), "posterior")[0])


# ---- what is frozen stays


class _Normed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 6))
        self.norm = torch.nn.BatchNorm1d(6)

    def forward(self, x):
        return self.norm(self.first(x))


def test_the_statistics_of_a_frozen_part_stay():
    data = vaekit.load("digits").train
    encoder = _Normed().requires_grad_(False)
    decoder = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.Unflatten(1, (1, 8, 8)))
    model, objective = recipes.vae((1, 8, 8), 3, network=(encoder, decoder))
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    for _ in fit(model, objective, data, Training(epochs=1, batch=100, device="cpu")):
        pass
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())


def test_the_noise_of_a_frozen_likelihood_stays(tmp_path):
    first = trained(tmp_path / "a", "noise_vae")
    second = trained(tmp_path / "b", "noise_vae", start=first, freeze="likelihood")
    assert all(map(torch.equal, parts(first, "likelihood"), parts(second, "likelihood")))


def test_tied_weights_are_written(tmp_path):
    run = trained(
        tmp_path / "a", "k_sparse_ae", network="tied", k=2, latent=8, keep_checkpoint=True
    )
    assert run.encode().shape == (180, 8)

    data = vaekit.load("digits").train
    encoder = torch.nn.Linear(64, 6)
    decoder = torch.nn.Linear(6, 64)
    decoder.weight = torch.nn.Parameter(torch.zeros(64, 6))
    tied = torch.nn.Sequential(torch.nn.Flatten(), encoder)
    model, objective = recipes.ae(
        *((1, 8, 8), 6),
        network=(tied, torch.nn.Sequential(decoder, torch.nn.Unflatten(1, (1, 8, 8)))),
    )
    model.likelihood.second = encoder  # pyright: ignore[reportArgumentType]
    for _ in fit(model, objective, data, Training(epochs=1, batch=100, device="cpu")):
        pass
    save_weights(model, tmp_path / "w.safetensors", 1)
    assert load_file(tmp_path / "w.safetensors").keys() >= {"model.model.likelihood.second.weight"}


def test_a_run_that_stopped_early_goes_on_with_more_patience(tmp_path):
    early = {"validation": 0.2, "lr": 0.05, "epochs": 60, "batch": 100, "keep_checkpoint": True}
    whole = trained(tmp_path / "whole", **early, patience=6)
    first = trained(tmp_path / "a", **early, patience=2)
    assert first.config.notes["step"] < first.config.notes["steps"]
    assert not any("still improves" in sentence.text for sentence in first.summary())
    with pytest.warns(VaekitWarning, match="stopped early at step .* more patience"):
        same_again = trained(tmp_path / "a", **{**early, "epochs": 70}, patience=2, resume=True)
    assert same_again.config.notes["step"] == first.config.notes["step"]
    trained(tmp_path / "b", **early, patience=2)
    longer = trained(tmp_path / "b", **early, patience=6, resume=True)
    assert same(weights(longer), weights(whole))
    with pytest.raises(VaekitError, match="is another run"):
        trained(tmp_path / "b", **early, patience=3, resume=True)


def test_parts_to_take_need_a_start(tmp_path):
    with pytest.raises(VaekitError, match="add --start RUN"):
        trained(tmp_path / "a", start_parts="posterior")


def test_buffers_are_averaged_with_the_weights():
    """By the same decays; a file of before, without them, is read."""
    train, _ = data.load("digits")
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8))
    torch.manual_seed(0)
    model, objective = recipes.vae((1, 8, 8), latent=8, network=(network, decoder()))
    norm, seen = network[2], []
    average = norm.running_mean.clone()
    for now in fit(model, objective, train, Training(epochs=2, batch=200, ema=0.5, device="cpu")):
        decay = min(0.5, (1 + now.step) / (10 + now.step))
        average = decay * average + (1 - decay) * norm.running_mean
        seen.append(norm.running_mean.clone())
    assert torch.allclose(norm.running_mean, average, atol=1e-6)
    assert not torch.allclose(norm.running_mean, seen[-1], atol=1e-6)
    assert norm.num_batches_tracked == now.step
    kept, count = now.chosen.tensors(), len(list(model.parameters()))
    older = {k: v for k, v in kept.items() if not k.startswith("average.") or int(k[8:]) < count}
    now.chosen.restore(older)
    buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    again = [now.chosen.tensors()[f"average.{count + i}"] for i in range(len(buffers))]
    assert len(kept) > len(older)
    assert all(torch.equal(a, b) for a, b in zip(again, buffers, strict=True))


# ---- what else a run starts from


def test_it_begins_with_an_estimator(tmp_path):
    x = np.random.default_rng(0).random((100, 64))
    made = VAE(latent=3, network="mlp(8)", image_shape=(1, 8, 8), epochs=1).fit(x)
    made.save(tmp_path / "e.vae")
    run = trained(tmp_path / "run", start=tmp_path / "e.vae", lr=1e-12)
    theirs, own = made._trained.system.model.state_dict(), run.model.state_dict()
    assert all(torch.allclose(own[name], theirs[name], atol=1e-6) for name in theirs)


def test_it_begins_with_a_checkpoint(tmp_path):
    first = trained(tmp_path / "a", keep_checkpoint=True)
    for place in (first.folder / "checkpoint", first.checkpoint):
        run = trained(tmp_path / place.name / "b", start=place, lr=1e-12)
        for a, b in zip(parts(first, ""), parts(run, ""), strict=True):
            assert torch.allclose(a, b, atol=1e-6)


def test_files_that_do_not_serve(tmp_path):
    first = trained(tmp_path / "a")
    (tmp_path / "b.vae").write_bytes(b"no weights")
    save_file({"w": torch.zeros(2)}, tmp_path / "c.vae")
    name = "model.model.w"
    save_file({name: torch.tensor([math.nan])}, tmp_path / "d.vae")
    for start, cause in (
        (tmp_path / "no", "it has no run.yaml|there is no file"),
        (tmp_path / "b.vae", "damaged or of another kind"),
        (tmp_path / "c.vae", "holds no weights of a model"),
        (tmp_path / "d.vae", "not finite"),
        (first.folder / "run.yaml", "name its folder"),
    ):
        with pytest.raises(VaekitError, match=cause):
            trained(tmp_path / "run", start=start)
    x = np.random.default_rng(0).random((60, 64))
    VAE(latent=2, network="mlp(8)", epochs=1).fit(x).save(tmp_path / "e.vae")
    with pytest.raises(VaekitError, match=r"is of another model: .*is \(.* there"):
        trained(tmp_path / "run", start=tmp_path / "e.vae")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lr": "cosine(0.001, 0)"}, "lr: cosine.* goes from 0 back to 0.0005 as"),
        ({"lr": "one_cycle(0, 0, peak=0.003)"}, "lr: one_cycle"),
        ({"recipe": "beta_vae", "beta": "linear(0, 4)"}, "weight of kl: linear.* from 4 back to 2"),
    ],
)
def test_a_schedule_that_is_stretched_is_said(changed, said, tmp_path):
    trained(tmp_path / "run", **changed, keep_checkpoint=True)
    with pytest.warns(VaekitWarning, match=said):
        trained(tmp_path / "run", **changed, epochs=4, resume=True)


@pytest.mark.parametrize("lr", ["cosine(0.001, 0, epochs=2)", "plateau(0.001)", 0.001])
def test_a_schedule_of_its_own_length_is_not(lr, tmp_path):
    trained(tmp_path / "run", lr=lr, validation=0.1, keep_checkpoint=True)
    trained(tmp_path / "run", lr=lr, validation=0.1, epochs=3, resume=True)

"""What a model is shown, by whomever: refused by name or read right, never broadcast in silence."""

import math
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from parts import same, weights
from torch import Tensor, nn
from torch import distributions as td
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from vaekit import apply, recipes
from vaekit.brief import brief
from vaekit.corruptions import Corruption, Masking, SaltAndPepper
from vaekit.data import Dataset, Splits
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError
from vaekit.estimators import VAE
from vaekit.information import (
    aggregate,
    diagnose,
    evaluate,
    features_of,
    indicators,
    ledger,
    log_likelihood,
    mutual_information_bound,
    refit,
    residuals,
    score,
    summarise,
)
from vaekit.information.ranking import rank
from vaekit.likelihoods import Bernoulli, Likelihood
from vaekit.likelihoods import Gaussian as GaussianNoise
from vaekit.model import Model
from vaekit.objectives import (
    KL,
    AdversarialPrior,
    AdversarialTC,
    Distortion,
    MutualInformation,
    Objective,
    Term,
)
from vaekit.posteriors import Gaussian, Posterior
from vaekit.priors import LpNested, Normal, Prior
from vaekit.schedules import Linear
from vaekit.training import Fit, NotFinite, Training, fit

PICTURES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
BYTES = (PICTURES * 255).byte()
ROWS = torch.rand(40, 6, generator=torch.Generator().manual_seed(1))
QUICK = Training(epochs=2, batch=10, lr=0.01, device="cpu")


def pictures(**options) -> tuple[Model, Objective]:
    """Make a system of pictures (1, 8, 8)."""
    torch.manual_seed(0)
    return recipes.vae((1, 8, 8), **{"latent": 2, "network": "mlp(8)", **options})


def free(**options) -> tuple[Model, Objective]:
    """Make one whose likelihood takes any number."""
    return pictures(likelihood="squared_error", **options)


def table(**options) -> tuple[Model, Objective]:
    """Make a system of rows (6,) of any numbers."""
    torch.manual_seed(0)
    return recipes.vae(
        (6,), **{"latent": 2, "network": "mlp(8)", "likelihood": "squared_error", **options}
    )


def loader(x, **options) -> DataLoader:
    return DataLoader(x, **{"batch_size": 10, **options})


def stream(*batches, **options) -> DataLoader:
    """Load batches as they are given."""
    return DataLoader(list(batches), batch_size=None, **options)


def trained(system, data, training: Training = QUICK) -> Fit:
    going = fit(*system, data, training)
    for _ in going:
        pass
    going.interval()
    return going


class Seen(Distortion):
    """Note what the model is shown."""

    def __init__(self):
        self.x: list[Tensor] = []

    def __call__(self, run):
        self.x.append(run.x.clone())
        return super().__call__(run)


def shown(system, data) -> Tensor:
    """Return all that is shown in an epoch."""
    seen = Seen()
    trained((system[0], seen + KL()), data, Training(epochs=1, batch=10, device="cpu"))
    return torch.cat(seen.x)


# ---- shapes: parts of one's own


class Own(Posterior):
    """Give what a function makes of x."""

    def __init__(self, make, latent: int = 2):
        super().__init__()
        self.make, self.latent, self.network = make, latent, nn.Linear(6, 2)

    def forward(self, x, c=None):
        return self.make(self.network(x))


class OwnNoise(Likelihood):
    """Give what a function makes of a decoder's output (samples, batch, 6)."""

    def __init__(self, make):
        super().__init__()
        self.make, self.network = make, nn.Linear(2, 6)

    def forward(self, z, c=None):
        return self.make(self.decode(z, c))


class OwnPrior(Prior):
    """Give what a function makes."""

    def __init__(self, make, latent: int = 2):
        super().__init__()
        self.make, self.latent = make, latent

    def forward(self, c=None):
        return self.make()


class Answer(nn.Module):
    """Answer with a function of what a linear layer makes of the flat input."""

    def __init__(self, wide: int, out: int, answer):
        super().__init__()
        self.layer, self.answer = nn.Linear(wide, out), answer

    def forward(self, x):
        return self.answer(self.layer(x.flatten(1)))


class Wrong(td.Distribution):
    """Claim shapes that its samples and densities do not have."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, mean: Tensor, events: int = 1, draw=lambda z: z, say=lambda x: x):
        self.m, self.draw, self.say = mean, draw, say
        cut = mean.ndim - events
        super().__init__(mean.shape[:cut], mean.shape[cut:], validate_args=False)

    @property
    def mean(self):
        return self.m

    def rsample(self, sample_shape=()):
        return self.draw(self.m.expand(*sample_shape, *self.m.shape))

    def log_prob(self, value):
        return self.say(-((value - self.m) ** 2))


def encoder(answer, out: int = 4) -> Model:
    return Model(Gaussian(Answer(6, out, answer), 2), GaussianNoise(nn.Linear(2, 6)), Normal(2))


def decoder(answer, out: int = 6) -> Model:
    return Model(Gaussian(nn.Linear(6, 4), 2), Bernoulli(Answer(2, out, answer)), Normal(2))


def posterior(make, latent: int = 2) -> Model:
    return Model(Own(make, latent), GaussianNoise(nn.Linear(2, 6)), Normal(2))


def noise(make) -> Model:
    return Model(Gaussian(nn.Linear(6, 4), 2), OwnNoise(make), Normal(2))


def prior(make, latent: int = 2) -> Model:
    return Model(Gaussian(nn.Linear(6, 4), 2), GaussianNoise(nn.Linear(2, 6)), OwnPrior(make))


class Scaled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sub_(0.5).div_(2)


def in_place(first: nn.Module) -> Model:
    network = nn.Sequential(first, nn.Linear(6, 4))
    return Model(Gaussian(network, 2), GaussianNoise(nn.Linear(2, 6)), Normal(2))


def standard(size: int, batch: tuple[int, ...] = ()):
    return lambda: td.Independent(td.Normal(torch.zeros(*batch, size), 1.0), 1)


def gaussian(m: Tensor) -> DiagonalGaussian:
    return DiagonalGaussian(m, torch.zeros_like(m))


PARTS = {
    "encoder drops the batch": (lambda: encoder(lambda f: f.mean(0)), r"shape \(4,\) for 10 ex"),
    "encoder mixes the batch": (lambda: encoder(lambda f: f.view(5, 8)), r"\(5, 8\) for 10 exa"),
    "encoder keeps an axis": (lambda: encoder(lambda f: f[:, None]), r"\(10, 1, 4\) for 10"),
    "encoder is too wide": (lambda: encoder(lambda f: f, 5), "gives 5 features"),
    "encoder gives a pair": (lambda: encoder(lambda f: f.chunk(2, -1)), "the encoder gives a tup"),
    "encoder gives nothing": (lambda: encoder(lambda f: None), r"encoder gives nothing \(None\)"),
    "encoder gives integers": (lambda: encoder(lambda f: f.long()), "gives int64 numbers"),
    "encoder gives complex": (lambda: encoder(lambda f: f + 0j), "gives complex64 numbers"),
    "encoder works in place": (lambda: in_place(nn.ReLU(inplace=True)), "its input in place"),
    "encoder scales in place": (lambda: in_place(Scaled()), "its input in place"),
    "encoder reads no rows": (lambda: encoder(nn.Linear(3, 4)), r"shapes do not fit .*shape \(6,"),
    "encoder in double": (
        lambda: Model(Gaussian(nn.Linear(6, 4).double(), 2), OwnNoise(None), Normal(2)),
        r"types of numbers do not fit .*network\.float",
    ),
    "decoder drops the batch": (lambda: decoder(lambda x: x.mean(0)), r"\(6,\) for 10 codes"),
    "decoder mixes the batch": (lambda: decoder(lambda x: x.view(5, 12)), r"\(5, 12\) for 10 co"),
    "decoder of another shape": (
        lambda: decoder(lambda x: x.view(-1, 2, 3)),
        r"have shape \(6,\), but .*over \(2, 3\): write x.reshape\(-1, 2, 3\), or let the decoder",
    ),
    "decoder of one entry": (lambda: decoder(lambda x: x[:, :1]), r"over \(1,\): make the model"),
    "decoder gives a pair": (lambda: decoder(lambda x: (x, x)), "the decoder gives a tuple"),
    "decoder gives bools": (lambda: decoder(lambda x: x > 0), "the decoder gives bool numbers"),
    "decoder reads other codes": (lambda: decoder(nn.Linear(3, 6)), "shapes do not fit"),
    "q is a tensor": (lambda: posterior(lambda m: m), "the posterior gives a Tensor, no torch"),
    "q without an event": (lambda: posterior(lambda m: td.Normal(m, 1.0)), r"batch shape \(10, 2"),
    "q of half the batch": (lambda: posterior(lambda m: gaussian(m[:5])), r"batch shape \(5,\) fo"),
    "q of another width": (
        lambda: posterior(lambda m: gaussian(m), 3),
        "over 2 entries, but its latent is 3",
    ),
    "z of another shape": (
        lambda: posterior(lambda m: Wrong(m, draw=lambda z: z[0])),
        r"draws codes float32 \(10, 2\), expected floats of shape \(1, 10, 2\)",
    ),
    "z without floats": (
        lambda: posterior(lambda m: Wrong(m, draw=lambda z: z.long())),
        "draws codes int64",
    ),
    "log q by coordinate": (lambda: posterior(Wrong), r"log q\(z\|x\) is float32 \(1, 10, 2\)"),
    "prior of another width": (lambda: prior(standard(1)), "prior is over 1 entries, but the code"),
    "prior that broadcasts": (lambda: prior(standard(2, (1,))), r"batch shape \(1,\) for 10"),
    "prior without an event": (
        lambda: prior(lambda: td.Normal(torch.zeros(2), 1.0)),
        r"over an event of shape \(\)",
    ),
    "prior is a tensor": (lambda: prior(lambda: torch.zeros(2)), "the prior gives a Tensor"),
    "log p(z) by coordinate": (
        lambda: prior(lambda: Wrong(torch.zeros(2))),
        r"log p\(z\) is float32 \(1, 10, 2\)",
    ),
    "p without an event": (
        lambda: noise(lambda m: td.Normal(m, 1.0)),
        r"make one whole example its event, as torch.distributions.Independent",
    ),
    "p without samples": (
        lambda: noise(lambda m: td.Independent(td.Normal(m[0], 1.0), 1)),
        r"p\(x\|z\) of batch shape \(10,\) for codes of batch shape \(1, 10\)",
    ),
    "p of half an example": (
        lambda: noise(lambda m: td.Independent(td.Normal(m[..., :3], 1.0), 1)),
        r"over \(3,\)",
    ),
    "p is a tensor": (lambda: noise(lambda m: m), "the likelihood gives a Tensor"),
    "log p(x|z) by entry": (lambda: noise(Wrong), r"log p\(x\|z\) is float32 \(1, 10, 6\)"),
    "batch norm of one": (
        lambda: encoder(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))),
        "batch normalisation has no variance of one example",
    ),
}


@pytest.mark.parametrize("case", PARTS)
def test_parts_of_ones_own(case):
    make, said = PARTS[case]
    alone = Training(epochs=1, batch=1, device="cpu")
    with pytest.raises(VaekitError, match=said):
        trained((make(), Distortion() + KL()), Dataset(ROWS), alone if "of one" in case else QUICK)


class Grown(Corruption):
    """Give another shape."""

    level = 1.0

    def forward(self, x):
        return torch.cat([x, x], -1)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((nn.Linear(6, 4), Bernoulli(nn.Linear(2, 6))), r"posterior is no Posterior, but Linear"),
        ((Gaussian(nn.Linear(6, 4), 2), nn.Linear(2, 6)), "likelihood is no Likelihood"),
        ((Gaussian(nn.Linear(6, 4), 2), Bernoulli(nn.Linear(2, 6)), "normal"), "prior is no Prior"),
    ],
)
def test_a_model_is_made_of_parts(parts, said):
    with pytest.raises(VaekitError, match=said):
        Model(*parts)


def test_a_corruption_keeps_the_shape():
    model = Model(Gaussian(nn.Linear(6, 4), 2), Bernoulli(nn.Linear(2, 6)), Normal(2), Grown())
    with pytest.raises(VaekitError, match=r"corruption made \(10, 12\) of \(10, 6\)"):
        trained((model, 1.0 * Distortion()), Dataset(ROWS))


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (ROWS.numpy(), "shown a tensor x .*got ndarray"),
        (ROWS[0], r"got shape \(6,\): write x\[None\]"),
        (BYTES, "got uint8: write x.float"),
        (PICTURES[0], r"\(1, 8, 8\) is one example, so give it the first axis of a batch, x\[None"),
    ],
)
def test_a_model_is_shown_batches(x, said):
    model = pictures()[0] if getattr(x, "ndim", 0) > 2 else table()[0]
    with pytest.raises(VaekitError, match=said):
        model(x)


# ---- terms of one's own


class Says(Term):
    name = "own"

    def __init__(self, say):
        self.say = say

    def __call__(self, run):
        return self.say(run)


def critic(answer, out: int = 1, term=AdversarialTC):
    return lambda: 1.0 * term(Answer(2, out, answer))


def reader(answer, out: int = 4):
    return lambda: 1.0 * MutualInformation(Answer(6, out, answer), [0, 1])


TERMS = {
    "a float": (lambda: 1.0 * Says(lambda run: 3.0), "the term own returns 3.0, expected a scalar"),
    "by example": (lambda: 1.0 * Says(lambda run: run.x.sum(1)), r"own returns float32 \(10,\)"),
    "complex": (lambda: 1.0 * Says(lambda run: run.z.sum() + 0j), "the term own returns"),
    "nothing": (lambda: 1.0 * Says(lambda run: None), "the term own returns None"),
    "NaN at once": (lambda: 1.0 * Says(lambda run: run.z.sum() * math.nan), "own is nan at step 1"),
    "critic (n,)": (critic(lambda y: y.squeeze(-1)), r"\(10,\) for 10 codes: it must be \(10, 1\)"),
    "critic (1, n)": (critic(lambda y: y.T), "one output, this one has 10"),
    "critic of two": (critic(lambda y: y, 2), "one output, this one has 2"),
    "critic of bools": (critic(lambda y: y > 0), "critic of total_correlation.* gives bool"),
    "critic of pairs": (critic(lambda y: (y, y)), "critic of total_correlation.* gives a tuple"),
    "critic gives NaN": (
        critic(lambda y: y / 0 * 0),
        r"total_correlation_adversarial is nan at step 1: no weight was changed before",
    ),
    "prior's critic (n,)": (
        critic(lambda y: y[:, 0], 1, AdversarialPrior),
        r"\(10,\) for 10 codes",
    ),
    "prior's critic of two": (critic(lambda y: y, 2, AdversarialPrior), "this one has 2"),
    "reader of three": (reader(lambda y: y, 3), r"needs 4 outputs, \(10, 4\).*gives \(10, 3\)"),
    "reader drops the batch": (reader(lambda y: y.mean(0)), r"but gives \(4,\)"),
    "reader mixes the batch": (reader(lambda y: y.repeat(2, 1)), r"but gives \(20, 4\)"),
    "reader of integers": (reader(lambda y: y.long()), "the reader gives int64"),
    "reader gives infinity": (
        reader(lambda y: y / 0),
        r"minus_information_z0_z1\w* is \S+ at step 1",
    ),
}


@pytest.mark.parametrize("case", TERMS)
def test_terms_of_ones_own(case):
    make, said = TERMS[case]
    with pytest.raises(VaekitError, match=said):
        next(iter(fit(table()[0], Distortion() + make(), Dataset(ROWS), QUICK)))


def test_terms_of_other_types_are_read():
    """A count and a double are numbers too."""
    terms = Distortion() + 0.5 * Says(lambda run: torch.tensor(3))
    found = next(iter(fit(table()[0], terms, Dataset(ROWS), QUICK))).interval()
    assert found.means["own"] == 3
    assert found.objective == pytest.approx(found.means["distortion"] + 1.5)
    double = Distortion() + 1.0 * Says(lambda run: run.z.double().square().mean())
    going = fit(table()[0], double, Dataset(ROWS), QUICK)
    assert [now.means()["own"] > 0 for now in going] == [True] * 8


# ---- what a loader gives


class Rows(TorchDataset):
    def __init__(self, row, n: int = 40):
        self.row, self.n = row, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.row


class Endless(IterableDataset):
    def __iter__(self):
        return iter(PICTURES)


ONES = torch.ones(1, 8, 8)
LATER = PICTURES.clone()
LATER[25, 0, 3, 4] = math.nan
FIRST = PICTURES.clone()
FIRST[3, 0, 2, 5] = math.inf
SPANS = {"span": r"needs data in \[0, 1\], but batch 1 of epoch 1 of the DataLoader spans "}
LOADERS = {
    # batches that are none
    "dicts": (
        pictures,
        loader(Rows({"image": ONES})),
        r"a dict: give it collate_fn=.*row\['image'",
    ),
    "dicts without tensors": (pictures, loader(Rows({"label": "a"})), r"row\[KEY\]"),
    "strings": (pictures, loader(Rows("a")), "a list that begins with str"),
    "text": (pictures, stream("a"), "got a str"),
    "nothing": (pictures, stream(None), r"got nothing \(None\)"),
    "an empty list": (pictures, stream([]), "a list of nothing"),
    "a number": (pictures, stream(3.0), "got a float"),
    "labels first": (pictures, loader(Rows((0, ONES)), collate_fn=tuple), "begins with tuple"),
    "a list of examples": (
        pictures,
        loader(Rows(ONES), collate_fn=list),
        r"a list of 10 examples of shape \(1, 8, 8\): .*collate_fn=torch.stack",
    ),
    "a list of rows": (table, loader(Rows(ROWS[0]), collate_fn=list), "collate_fn=torch.stack"),
    "a list of numbers": (table, loader(Rows(ROWS[0, 0]), collate_fn=list), "torch.stack"),
    "single examples": (pictures, DataLoader(PICTURES, batch_size=None), r"x\[None\]"),
    "single rows": (table, DataLoader(ROWS, batch_size=None), r"got shape \(6,\): an example"),
    "numbers": (table, loader(ROWS[:, 0]), r"got shape \(10,\): an example needs an axis"),
    "an empty batch": (pictures, stream(PICTURES[:0]), r"got shape \(0, 1, 8, 8\): leave empty"),
    "an empty second batch": (pictures, stream(PICTURES, PICTURES[:0]), "leave empty batches out"),
    "without a length": (pictures, loader(Endless()), "needs a length"),
    "sparse": (table, stream(ROWS.to_sparse()), "a sparse tensor: pass dense"),
    "complex": (table, stream(ROWS + 0j), "a complex tensor"),
    "an array of text": (table, stream(np.array([["a"]])), "numbers of type <U1"),
    # shapes
    "without channels": (pictures, loader(PICTURES[:, 0]), r"\(8, 8\), .*x.reshape\(-1, 1, 8, 8\)"),
    "channels last": (
        lambda: recipes.vae((3, 4, 5), latent=2, network="mlp(8)"),
        loader(torch.rand(40, 4, 5, 3)),
        r"have shape \(4, 5, 3\), .*over \(3, 4, 5\): .*x.movedim\(-1, 1\)",
    ),
    "flat": (pictures, loader(PICTURES.flatten(1)), r"have shape \(64,\)"),
    "another size": (pictures, loader(torch.rand(40, 1, 9, 8)), "shapes do not fit"),
    "another size in mid-epoch": (
        pictures,
        stream(PICTURES, torch.rand(10, 8, 8)),
        r"have shape \(8, 8\)",
    ),
    # values
    "beyond the support": (pictures, loader(PICTURES * 2 - 1), SPANS["span"]),
    "pixels as floats": (pictures, loader(BYTES.float()), SPANS["span"]),
    "later beyond the support": (
        pictures,
        stream(PICTURES, PICTURES, PICTURES + 0.5),
        r"but batch 3 of epoch 1 of the DataLoader spans \[0.5",
    ),
    "NaN at once": (free, loader(LATER[20:]), "example 5 holds NaN in entry"),
    "infinity at once": (
        free,
        loader(FIRST),
        r"batch 1 of epoch 1 .*: example 3 holds an infinite value in entry \(0, 2, 5\)",
    ),
    "NaN later": (free, loader(LATER), "batch 3 of epoch 1 of the DataLoader holds NaN"),
    "NaN in half precision": (free, stream(LATER[20:].half()), "example 5 holds NaN"),
    "infinite later": (free, stream(PICTURES, FIRST), "batch 2 of epoch 1 .* infinite"),
    "beyond float32": (
        free,
        stream(PICTURES.double() * 1e300),
        "example 0 holds a value beyond float32 in entry",
    ),
    "later beyond float32": (
        free,
        stream(PICTURES.double(), PICTURES.double() * 1e300),
        "batch 2 of epoch 1 .*beyond float32",
    ),
    "salt of another scale": (
        lambda: _corrupted(SaltAndPepper(0.3)),
        loader(PICTURES * 5),
        r"salt_and_pepper sets entries to 0 or 1, but the data span \[\d",
    ),
    "later salt of another scale": (
        lambda: _corrupted(SaltAndPepper(0.3)),
        stream(PICTURES, PICTURES * 5),
        "salt_and_pepper",
    ),
    "pseudo-inputs of another scale": (
        lambda: free(prior="vamp(4)"),
        loader(PICTURES * 5),
        "pseudo-inputs of the vamp prior",
    ),
    # whole numbers
    "0 and 1 in bytes": (free, loader((PICTURES > 0.5).byte()), "0 and 1 alone.*pass bool"),
    "0 and 1 in integers": (free, loader((PICTURES > 0.5).long()), "0 and 1 alone"),
    "whole numbers above": (free, loader(BYTES.int() * 4), r"0 to 255.*got .* to 10\d\d"),
    "whole numbers below": (free, loader(BYTES.short() - 9), r"0 to 255.*got -9 to"),
    "whole numbers above later": (
        free,
        stream(BYTES.int(), BYTES.int() * 4),
        r"batch 2 of epoch 1.*whole numbers in pictures must lie in 0 to 255",
    ),
    "a table of bytes": (
        lambda: table(likelihood="bernoulli"),
        loader((ROWS * 255).byte()),
        r"spans \[\S+ 25\d\].*whole numbers of a table .* write x / 255",
    ),
}


def _corrupted(corruption: Corruption) -> tuple[Model, Objective]:
    model, objective = free()
    parts = model.posterior, model.likelihood, model.prior, corruption
    return Model(*parts), objective  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("case", LOADERS)
def test_loaders_that_do_not_serve(case):
    make, data, said = LOADERS[case]
    with pytest.raises(VaekitError, match=said):
        trained(make(), data)


TURNED = nn.functional.pad(PICTURES, (0, 1))[..., :8] * (1 + 4e-7)
READ = {
    "bytes": (pictures, loader(BYTES), BYTES / 255),
    "bytes as int64": (pictures, loader(BYTES.long()), BYTES / 255),
    "bytes as int16 and pairs": (
        pictures,
        loader(TensorDataset(BYTES.short(), torch.arange(40))),
        BYTES / 255,
    ),
    "black and white": (pictures, loader(PICTURES > 0.5), (PICTURES > 0.5).float()),
    "all black": (pictures, loader(BYTES * 0), PICTURES * 0),
    "float64": (pictures, loader(PICTURES.double()), PICTURES),
    "float16": (pictures, loader(PICTURES.half()), PICTURES.half().float()),
    "arrays": (pictures, stream(PICTURES.numpy(), collate_fn=lambda x: x), PICTURES),
    "arrays of another order of bytes": (
        pictures,
        stream(PICTURES.numpy().astype(">f4"), collate_fn=lambda x: x),
        PICTURES,
    ),
    "arrays in tuples": (
        pictures,
        stream((PICTURES.numpy(), "a"), collate_fn=lambda x: x),
        PICTURES,
    ),
    "with a gradient": (pictures, stream(PICTURES.clone().requires_grad_()), PICTURES),
    "by rounding above 1": (pictures, stream(TURNED), TURNED),
    "a table of counts": (table, loader((ROWS * 9).byte()), (ROWS * 9).byte().float()),
    "a table of integers": (table, loader((ROWS * 99).int()), (ROWS * 99).int().float()),
    "a table of 0 and 1": (table, loader((ROWS > 0.5).long()), (ROWS > 0.5).float()),
    "whole batches": (table, stream(ROWS[:30], ROWS[30:]), ROWS),
    "dicts that are collated": (
        table,
        loader([{"x": row} for row in ROWS], collate_fn=lambda r: torch.stack([e["x"] for e in r])),
        ROWS,
    ),
}


@pytest.mark.parametrize("case", READ)
def test_loaders_are_read(case):
    make, data, expected = READ[case]
    assert torch.equal(shown(make(), data), expected)


class Counted(OwnNoise):
    """Say p of numbers ≥ 0."""

    support = (0.0, math.inf)


def test_a_support_may_have_one_end():
    def system():
        noisy = Counted(lambda m: td.Independent(td.Normal(m, 1.0), 1))
        return Model(Gaussian(nn.Linear(6, 4), 2), noisy, Normal(2)), Distortion() + KL()

    trained(system(), loader(ROWS * 99))
    with pytest.raises(
        VaekitError, match=r"data in \[0, inf\], but batch 2 of epoch 1 .* \[-0\.\d"
    ):
        trained(system(), stream(ROWS, ROWS - 0.5))
    below = ROWS.clone()
    below[31, 2] = -0.5
    with pytest.raises(VaekitError, match=r"data in \[0, inf\], but row 31 of mine holds -0.5"):
        evaluate(system()[0], made(below))


def test_a_batch_says_its_epoch():
    """Values of later epochs are seen too: an augmentation may go astray at any time."""
    late = [PICTURES, PICTURES, PICTURES, PICTURES + 1]

    class Astray(IterableDataset):
        def __len__(self):
            return 1

        def __iter__(self):
            return iter([late.pop(0)])

    with pytest.raises(VaekitError, match=r"batch 1 of epoch 4 of the DataLoader spans"):
        trained(
            pictures(),
            DataLoader(Astray(), batch_size=None),
            Training(epochs=4, batch=10, device="cpu"),
        )


def test_the_checks_change_nothing(monkeypatch):
    """The same weights to the bit, and the same noise after, as without them."""
    found = []
    for looked in (True, False):
        if not looked:
            monkeypatch.setattr("vaekit.training.shown.Shown.look", lambda self, x, where: x)
        system = pictures()
        trained(system, loader(PICTURES, shuffle=True))
        found.append((weights(system[0]), torch.get_rng_state()))
    assert same(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.filterwarnings("ignore")  # PyTorch's own, where the error ends the compiling
def test_a_step_compiles_whole_with_its_checks():
    torch._dynamo.reset()
    model, objective = pictures()

    def step(x: Tensor) -> Tensor:
        return torch.stack(objective.values(model(x)))

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    found = []
    for each in (step, compiled):
        torch.manual_seed(0)
        found.append(each(PICTURES).detach())
    torch.testing.assert_close(*found)
    with pytest.raises(VaekitError, match=r"have shape \(8, 8\)"):
        torch.compile(step, backend="aot_eager")(PICTURES[:, 0])


# ---- conditions


def conditional() -> tuple[Model, Objective]:
    torch.manual_seed(0)
    return recipes.cvae((6,), latent=2, network="mlp(8)", width=3, likelihood="squared_error")


LABELS = torch.arange(40) % 3
BAD = ROWS.clone()
BAD[3, 2] = math.nan


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (loader(ROWS), "gives x alone"),
        (stream((ROWS, LABELS[:30])), r"40 examples need conditions \(40, width\)"),
        (stream((ROWS, torch.zeros(40, 4))), r"got float32 \(40, 4\)"),
        (stream((ROWS, ["a"] * 40)), "expected the labels of a batch.*got list"),
        (stream((ROWS, LABELS + 1)), "classes from 1 to 3, but the model knows"),
        (stream((ROWS, BAD[:, :3])), "conditions of batch 1 of epoch 1: example 3 holds NaN in"),
        (stream((ROWS, None)), "gives x alone"),
    ],
)
def test_conditions_that_do_not_serve(data, said):
    with pytest.raises(VaekitError, match=said):
        trained(conditional(), data)


def test_attributes_of_a_set_are_numbers():
    torch.manual_seed(0)
    options = {"latent": 2, "network": "mlp(8)", "likelihood": "squared_error"}
    system = recipes.cvae((6,), condition="attributes", width=6, **options)
    with pytest.raises(VaekitError, match="the attributes of data: example 3 holds NaN in entry 2"):
        trained(system, Dataset(ROWS, attributes=BAD))


REPLICAS = """
import torch
from torch.utils.data import DataLoader
from vaekit.errors import VaekitError
from vaekit.recipes import vae
from vaekit.training import Training, fit
x = torch.rand(200, 6)
x[131, 2] = float("nan")
how = Training(epochs=1, batch=20, device="cpu", processes=2)
try:
    for now in fit(*vae((6,), latent=2, network="mlp(8)"), DataLoader(x, batch_size=10), how):
        pass
except VaekitError as error:
    print(error)
"""


def test_two_processes_refuse_together(tmp_path):
    """What one was shown stops both; it would wait for the other for ever."""
    script = tmp_path / "script.py"
    script.write_text(REPLICAS)
    words = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.stdout.count("batch 7 of epoch 1 of the DataLoader holds NaN") == 2, done.stderr


def test_conditions_are_read():
    seen = []

    class Told(Distortion):
        def __call__(self, run):
            seen.append(run.condition)
            return super().__call__(run)

    model = conditional()[0]
    for given in (LABELS, LABELS.numpy(), LABELS.float()[:, None] == torch.arange(3)):
        trained((model, 1.0 * Told()), stream((ROWS, given)))
    assert all(torch.equal(c.argmax(1), LABELS) for c in seen)


# ---- sets


def made(images: Tensor) -> Dataset:
    return Dataset(images, name="mine")


def test_a_set_with_nan_is_caught():
    with pytest.raises(VaekitError, match=r"\b25\b"):
        trained(free(), made(LATER))
    rows = ROWS.clone()
    rows[7, 2] = math.inf
    with pytest.raises(VaekitError, match=r"(row|image|example) 7"):
        trained(table(), made(rows))


# ---- what is given to fit


class Loose(TorchDataset):
    def __getitem__(self, i):
        return ROWS[i]


SYSTEM = table()
GIVEN = {
    "an array": ((*SYSTEM, ROWS.numpy()), r"got ndarray float32 \(40, 6\): .*Dataset.from_array"),
    "a tensor": ((*SYSTEM, ROWS), "got Tensor .*from_array"),
    "x and y": ((*SYSTEM, (ROWS, LABELS)), r"got tuple.*from_array\(x, labels\)"),
    "a list": ((*SYSTEM, [[1.0] * 6]), "got list.*from_array"),
    "splits": ((*SYSTEM, Splits(made(ROWS), made(ROWS))), r"take its \.train"),
    "a dataset of PyTorch": ((*SYSTEM, Loose()), r"got Loose: wrap it, .*DataLoader\(data"),
    "tensors of PyTorch": ((*SYSTEM, TensorDataset(ROWS)), "wrap it"),
    "a path": ((*SYSTEM, "a.npy"), r"got str 'a.npy': .*vaekit.data.load\(PATH\).train"),
    "no data": ((*SYSTEM, None), "expected a Dataset or a DataLoader, got None"),
    "a system as model": ((SYSTEM, SYSTEM[1], made(ROWS)), r"a recipe returns two, model, obj"),
    "a network as model": (
        (nn.Linear(6, 6), SYSTEM[1], made(ROWS)),
        r"got Linear.*Model\(posterior, likelihood, prior\)",
    ),
    "an estimator as model": ((VAE(), SYSTEM[1], made(ROWS)), "expected a Model, got VAE"),
    "a recipe as model": ((recipes.vae, SYSTEM[1], made(ROWS)), "expected a Model, got function"),
    "a class as model": ((Model, SYSTEM[1], made(ROWS)), "got the class Model"),
    "no model": ((None, SYSTEM[1], made(ROWS)), "expected a Model, got None"),
    "a system as objective": ((SYSTEM[0], SYSTEM, made(ROWS)), "a recipe returns two"),
    "a number as objective": ((SYSTEM[0], 1.0, made(ROWS)), r"got float 1.0: .*Distortion\(\) \+"),
    "a function as objective": ((SYSTEM[0], lambda run: 1.0, made(ROWS)), "an Objective, got func"),
    "the class of a term": ((SYSTEM[0], KL, made(ROWS)), "got the class KL"),
    "settings as a dict": ((*SYSTEM, made(ROWS), {"epochs": 3}), r"Training\(\*\*settings\)"),
    "settings as a number": ((*SYSTEM, made(ROWS), 20), r"expected Training\(...\), got int 20"),
    "another order": ((made(ROWS), *SYSTEM), "expected a Model, got Dataset"),
}


@pytest.mark.parametrize("case", GIVEN)
def test_fit_says_what_is_meant(case):
    given, said = GIVEN[case]
    with pytest.raises(VaekitError, match=said):
        fit(*given)


def test_fitted_estimators_say_where_their_model_is():
    fitted = VAE(latent=2, epochs=1, network="mlp(4)", device="cpu").fit(ROWS.numpy())
    with pytest.raises(VaekitError, match=r"take its \.model_"):
        fit(fitted, KL(), made(ROWS))
    with pytest.raises(VaekitError, match=r"take its \.model_"):
        evaluate(fitted, made(ROWS))


SUMS = {
    "a number": (lambda: Distortion() + 3.0, r"sum of terms, got float 3.0 among them"),
    "a number first": (lambda: 3.0 + KL(), "got float 3.0 among them"),
    "nothing": (lambda: 1.0 * KL() + None, "got None among them"),
    "a class": (lambda: Distortion() + KL, "sum of terms"),
    "a product of terms": (lambda: Distortion() * KL(), "weighted by a number"),
    "a truth": (lambda: True * KL(), "weighted by a number ≥ 0 or a schedule, got bool True"),
    "a tensor": (lambda: KL() * torch.tensor(2.0), "weighted by a number"),
    "a list": (lambda: [1.0] * KL(), "weighted by a number"),
    "below 0": (lambda: -1.0 * KL(), "finite number ≥ 0"),
    "an objective by text": (lambda: "much" * (1.0 * KL()), "much"),
}


@pytest.mark.parametrize("case", SUMS)
def test_sums_that_are_none(case):
    make, said = SUMS[case]
    with pytest.raises(VaekitError, match=said):
        make()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Distortion() + KL() * 4, "Objective(1.0 distortion + 4 kl)"),
        (lambda: sum([Distortion(), KL()]), "Objective(1.0 distortion + 1.0 kl)"),
        (lambda: KL() * Linear(0, 4), "Objective(linear(start=0, end=4) kl)"),
        (lambda: (Distortion() + KL()) * 2, "Objective(2.0 distortion + 2.0 kl)"),
        (lambda: np.float32(0.5) * KL(), "Objective(0.5 kl)"),
    ],
)
def test_sums_are_read_from_both_sides(make, said):
    assert repr(make()) == said


SHAPES = {
    "a number": (784, r"got int 784: write \(784,\)"),
    "text": ("784", "got str"),
    "nothing": ((), "whole numbers ≥ 1"),
    "zeros": ((1, 0, 28), "whole numbers ≥ 1"),
    "below zero": ((-1, 28, 28), "whole numbers ≥ 1"),
    "fractions": ((1.0, 28, 28), "whole numbers ≥ 1"),
    "a truth": ((True, 28, 28), "whole numbers ≥ 1"),
    "a set": (made(ROWS), "data.shape"),
    "an array": (ROWS, r"write data.shape or x.shape\[1:\]"),
    "None": (None, "got None"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_that_are_none(case):
    shape, said = SHAPES[case]
    with pytest.raises(VaekitError, match=said):
        recipes.vae(shape)


@pytest.mark.parametrize("shape", [[1, 8, 8], np.array((1, 8, 8)).tolist(), PICTURES.shape[1:]])
def test_shapes_are_read(shape):
    model, objective = recipes.vae(shape, latent=2, network="conv(4, hidden=[8])")
    trained((model, objective), made(PICTURES))
    assert apply.shape_of(model) == (1, 8, 8)


@pytest.mark.parametrize("name", [3, None, recipes.vae, ("vae",)])
def test_recipes_are_found_by_name(name):
    with pytest.raises(VaekitError, match="expected the name of a recipe"):
        recipes.find(name)


# ---- apply

PICTURED, TABLED = pictures()[0], table()[0]
FAR = ROWS.clone()
FAR[3, 2] = 1e30
encode, decode, reconstruct = apply.encode, apply.decode, apply.reconstruct
APPLIED = {
    "a list": (lambda: encode(TABLED, ROWS.tolist()), "tensor or a numpy array, got list"),
    "a number": (lambda: encode(TABLED, 3.0), "got float 3.0"),
    "nothing": (lambda: encode(TABLED, None), "numpy array, got None"),
    "text": (lambda: encode(TABLED, "x.npy"), "got str 'x.npy'"),
    "a set": (lambda: encode(TABLED, made(ROWS)), r"got a Dataset: encode_set\(model, data\)"),
    "a set to reconstruct": (lambda: reconstruct(TABLED, made(ROWS)), "got a Dataset"),
    "an array of objects": (lambda: encode(TABLED, np.array([[object()] * 4])), "type object"),
    "an array of text": (lambda: encode(TABLED, ROWS.numpy().astype(str)), "numbers of type <U"),
    "masked values": (lambda: encode(TABLED, np.ma.masked_less(ROWS.numpy(), 0.5)), "masked"),
    "complex": (lambda: encode(TABLED, ROWS + 0j), "complex"),
    "sparse": (lambda: encode(TABLED, ROWS.to_sparse()), "sparse"),
    "one row": (lambda: encode(TABLED, ROWS[0]), r"x \(6,\) is one example.*x\[None\]"),
    "one picture": (lambda: encode(PICTURED, PICTURES[0]), r"x\[None\]"),
    "without channels": (lambda: encode(PICTURED, PICTURES[:, 0]), r"x.reshape\(-1, 1, 8, 8\)"),
    "channels last": (lambda: encode(PICTURED, PICTURES.movedim(1, -1)), r"x.movedim\(-1, 1\)"),
    "flat": (lambda: reconstruct(PICTURED, PICTURES.flatten(1)), r"have shape \(64,\)"),
    "another size": (lambda: encode(PICTURED, torch.rand(4, 1, 9, 8)), "shapes do not fit"),
    "NaN": (lambda: encode(TABLED, BAD), "x: example 3 holds NaN in entry 2"),
    "infinity": (lambda: encode(TABLED, BAD / 0), "x: example 0 holds an infinite"),
    "beyond float32": (lambda: encode(TABLED, ROWS.double() * 1e300), "beyond float32"),
    "whole numbers above": (lambda: encode(PICTURED, BYTES.int() * 4), "0 to 255"),
    "0 and 1 in bytes": (lambda: encode(PICTURED, (PICTURES > 0.5).byte()), "0 and 1 alone"),
    "an extreme row": (
        lambda: encode(_overflowing(), FAR),
        r"code of example 3 is not finite: its entry 2 is 1e\+30, where others have .* far outside",
    ),
    "codes too wide": (lambda: decode(TABLED, torch.zeros(3, 5)), r"expected codes \(n, 2\), got"),
    "one code": (lambda: decode(TABLED, torch.zeros(2)), r"expected codes \(n, 2\), got shape"),
    "NaN in codes": (
        lambda: decode(TABLED, BAD[:, 1:3]),
        "the codes: example 3 holds NaN in entry 1",
    ),
    "a list of codes": (lambda: decode(TABLED, [[0.0, 1.0]]), r"expected codes \(n, 2\), .*list"),
    "a set of codes": (lambda: decode(TABLED, made(ROWS)), "got a Dataset"),
    "a list for a set": (lambda: apply.encode_set(TABLED, [1]), "a Dataset or a .*, got list"),
    "an array for a set": (lambda: apply.encode_set(TABLED, ROWS), "Tensor .*from_array"),
    "splits for a set": (lambda: apply.encode_set(TABLED, Splits(made(ROWS), made(ROWS))), "train"),
    "a set of NaN": (lambda: apply.encode_set(TABLED, made(BAD)), "row 3 of mine holds NaN"),
    "a set of others": (lambda: apply.encode_set(PICTURED, made(ROWS)), "shapes do not fit"),
    "a flat set": (lambda: apply.encode_set(PICTURED, made(PICTURES.flatten(1))), r"shape \(64,\)"),
    "no samples": (lambda: apply.sample(TABLED, 0), "number of samples must be ≥ 1"),
    "half a sample": (lambda: apply.sample(TABLED, 2.5), "got 2.5"),
    "samples by text": (lambda: apply.sample(TABLED, "3"), "got '3'"),
    "a truth of samples": (lambda: apply.sample_codes(TABLED, True), "got True"),
    "a seed by text": (lambda: apply.sample(TABLED, 2, seed="1"), "a seed is a whole number"),
    "a seed below 0": (lambda: apply.sample(TABLED, 2, seed=-1), "a seed is a whole number"),
    "half a seed": (lambda: apply.encode_set(TABLED, made(ROWS), seed=0.5), "a seed is a whole"),
    "a system": (lambda: encode(SYSTEM, ROWS), "a recipe returns two"),
    "a network": (lambda: apply.sample(nn.Linear(2, 2), 3), "expected a Model, got Linear"),
    "an unasked condition": (lambda: encode(TABLED, ROWS, ROWS), "takes no condition"),
    "a condition by list": (lambda: encode(conditional()[0], ROWS, [0]), "a condition is a tensor"),
    "conditions of no axis": (
        lambda: apply.sample(conditional()[0], 3, torch.tensor(1)),
        r"conditions \(batch, 3\) of floats, got 1",
    ),
    "classes for conditions": (
        lambda: apply.sample(conditional()[0], 3, torch.tensor([0, 1, 2])),
        r"got int64 \(3,\): write vaekit.data.one_hot\(classes, 3\)",
    ),
    "classes as floats": (
        lambda: decode(conditional()[0], torch.zeros(3, 2), torch.tensor([0.0, 1.0, 2.0])),
        r"got float32 \(3,\): write vaekit.data.one_hot\(classes, 3\)",
    ),
    "one-hots of whole numbers": (
        lambda: decode(conditional()[0], torch.zeros(3, 2), torch.eye(3).long()),
        "one row of floats for each example",
    ),
    "NaN in conditions": (
        lambda: decode(conditional()[0], torch.zeros(3, 2), torch.full((3, 3), math.nan)),
        "the condition: example 0 holds NaN",
    ),
    "a tensor without data": (lambda: encode(TABLED, ROWS.to("meta")), "a meta tensor"),
    "an encoder in place": (lambda: encode(in_place(Scaled()), ROWS.clone()), "in place"),
}


def _overflowing() -> Model:
    """Make a model of finite weights whose codes overflow where x is 1e30."""
    model = table()[0]
    with torch.no_grad():
        for weight in model.posterior.parameters():
            weight.mul_(1e10)
    return model


@pytest.mark.parametrize("case", APPLIED)
def test_what_cannot_be_applied(case):
    call, said = APPLIED[case]
    with pytest.raises(VaekitError, match=said):
        call()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (BYTES, BYTES / 255),
        (BYTES.long(), BYTES / 255),
        (BYTES.numpy(), BYTES / 255),
        (PICTURES > 0.5, (PICTURES > 0.5).float()),
        (PICTURES.double(), PICTURES),
        (PICTURES.numpy()[::-1], PICTURES.flip(0)),
    ],
    ids=["bytes", "int64", "array", "bool", "float64", "backwards"],
)
def test_arrays_mean_what_they_do_in_training(given, meant):
    torch.testing.assert_close(encode(PICTURED, given), encode(PICTURED, meant))
    torch.testing.assert_close(reconstruct(PICTURED, given), reconstruct(PICTURED, meant))


def test_whole_numbers_of_a_table_are_not_divided():
    counts = (ROWS * 9).byte()
    torch.testing.assert_close(encode(TABLED, counts), encode(TABLED, counts.float()))


def test_nothing_in_is_nothing_out():
    assert encode(TABLED, ROWS[:0]).shape == (0, 2)


# ---- information


def judged(function, **more):
    return lambda model, data: function(model, data, **more)


JUDGES = {
    "evaluate": evaluate,
    "diagnose": lambda model, data: diagnose(_denoising(model), SYSTEM[1], data),
    "ledger": judged(ledger, samples=2),
    "aggregate": aggregate,
    "indicators": indicators,
    "log_likelihood": judged(log_likelihood, samples=2),
    "mutual_information_bound": judged(mutual_information_bound, steps=2),
    "refit": judged(refit, noise="gaussian"),
    "residuals": residuals,
    "score": judged(score, names=("match",)),
    "summarise": judged(summarise, samples=2),
}


def _denoising(model):
    if not isinstance(model, Model):
        return model
    return Model(model.posterior, model.likelihood, model.prior, Masking(0.1))


def moved(x: Tensor, row: int, value: float) -> Dataset:
    found = x.clone()
    found.view(len(x), -1)[row, 2] = value
    return made(found)


@pytest.mark.parametrize("name", JUDGES)
def test_judges_name_the_row(name):
    """NaN, what the likelihood has no density for, and what lies far outside of the training."""
    judge = JUDGES[name]
    with pytest.raises(VaekitError, match=r"row 31 of mine.* holds NaN"):
        judge(TABLED, moved(ROWS, 31, math.nan))
    with pytest.raises(VaekitError, match=r"row 31 of mine.* holds an infinite value"):
        judge(TABLED, moved(ROWS, 31, -math.inf))
    part = made(torch.cat([BAD, ROWS])).subset(list(range(3, 40)))
    with pytest.raises(VaekitError, match=r"row 3 of mine \(counted in the whole of it\) holds"):
        judge(TABLED, part)
    if name != "score":  # which scores no x
        with pytest.raises(VaekitError, match=r"data in \[0, 1\], but row 7 of mine.* holds 1.5"):
            judge(pictures()[0], moved(PICTURES, 7, 1.5))


@pytest.mark.parametrize("name", JUDGES)
@pytest.mark.parametrize("value", [9999.0, 1e6, 1e20, -3e38])
def test_an_extreme_row_is_named_or_judged(name, value):
    """Never −∞ or NaN, and never the blame of a model whose weights are sound."""
    data = moved(ROWS, 31, value)
    model = Model(*[p for _, p in _fitted().named_children()])
    try:
        found = JUDGES[name](model, data)
    except VaekitError as error:
        assert re.search(r"row 31 of mine.* its entry 2 is .*far outside of what the", str(error))
    else:
        assert _finite(found), found


def _fitted() -> Model:
    system = table()
    trained(system, made(ROWS))
    return system[0]


def _finite(found) -> bool:
    if isinstance(found, Tensor):
        return bool(torch.isfinite(found).all())
    if isinstance(found, dict):
        return all(v["value"] is None or math.isfinite(v["value"]) for v in found.values())
    if isinstance(found, Model):
        return all(bool(torch.isfinite(w).all()) for w in found.state_dict().values())
    rows = getattr(found, "rows", None)
    if rows is not None:
        return all(math.isfinite(row.number.value) for row in rows)
    return all(math.isfinite(n.value) for n in found.numbers().values())


@pytest.mark.parametrize("name", JUDGES)
def test_a_broken_model_is_said_to_be_broken(name):
    model = table()[0]
    with torch.no_grad():
        next(model.posterior.parameters())[0] = math.nan
    with pytest.raises(VaekitError, match=r"the model is broken, its weights hold NaN"):
        JUDGES[name](model, made(ROWS))


@pytest.mark.parametrize("name", JUDGES)
def test_judges_read_sets_of_their_shape(name):
    judge = JUDGES[name]
    for images, said in (
        (torch.rand(40, 5), "shapes do not fit"),
        (torch.rand(40, 1, 2, 3), r"have shape \(1, 2, 3\), but p\(x\|z\) .* over \(6,\)"),
    ):
        with pytest.raises(VaekitError, match=said):
            judge(TABLED, made(images))
    last = recipes.vae((3, 4, 5), latent=2, network="mlp(8)").model
    with pytest.raises(VaekitError, match=r"x.movedim\(-1, 1\)"):
        judge(last, made(torch.rand(40, 4, 5, 3)))


@pytest.mark.parametrize("name", JUDGES)
def test_judges_say_what_is_meant(name):
    judge = JUDGES[name]
    for data, said in (
        (ROWS, "expected a Dataset(| or a DataLoader), got Tensor"),
        (None, "expected a Dataset(| or a DataLoader), got None"),
        (Splits(made(ROWS), made(ROWS)), "take its .train or its .test"),
        (loader(ROWS), r"got DataLoader.*more than once.*from_array\(torch.cat"),
        ("a.npy", r"vaekit.data.load\(PATH\)"),
    ):
        if isinstance(data, DataLoader) and name == "evaluate":  # which reads it once
            continue
        with pytest.raises(VaekitError, match=said):
            judge(TABLED, data)
    for model, said in ((nn.Linear(6, 6), "expected a Model, got Linear"), (None, "got None")):
        with pytest.raises(VaekitError, match=said):
            judge(model, made(ROWS))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda data: evaluate(TABLED, data, n="all"),
            "n must be ≥ 1, a whole number, got 'all'",
        ),
        (lambda data: evaluate(TABLED, data, bins=0), "bins must be ≥ 1"),
        (lambda data: evaluate(TABLED, data, seed=1.5), "a seed is a whole number"),
        (lambda data: aggregate(TABLED, data, seed="0"), "a seed is a whole number"),
        (lambda data: score(TABLED, data, "match"), "names must be a list of texts"),
        (lambda data: score(TABLED, data, ("svm",), corruptions="masking"), "corruptions must be"),
        (lambda data: score(TABLED, data, train=ROWS), "expected a Dataset, got Tensor"),
        (lambda data: ledger(TABLED, data, train=ROWS), "expected a Dataset, got Tensor"),
        (lambda data: mutual_information_bound(TABLED, data, reader=3), "reader must be text"),
        (lambda data: mutual_information_bound(TABLED, data, lr="1"), "lr must be a number"),
        (lambda data: mutual_information_bound(TABLED, data, train=ROWS), "got Tensor"),
        (lambda data: diagnose(TABLED, 3.0, data), "expected an Objective, got float 3.0"),
        (lambda data: rank(TABLED, ROWS), "expected a Dataset, got Tensor"),
    ],
)
def test_wishes_that_are_none(call, said):
    with pytest.raises(VaekitError, match=said):
        call(made(ROWS))


def test_ranks_name_the_row():
    model = table()[0]
    nested = Model(model.posterior, model.likelihood, LpNested([2.1, 1, 1]))
    assert len(rank(nested, made(ROWS))) == 2
    with pytest.raises(VaekitError, match="row 31 of mine holds NaN"):
        rank(nested, moved(ROWS, 31, math.nan))


def test_an_estimator_names_the_row():
    x = np.random.default_rng(0).normal(size=(500, 12))
    found = VAE(latent=2, epochs=2, likelihood="squared_error", device="cpu").fit(x)
    assert math.isfinite(found.score(x[:100]))
    for value in (9999.0, 1e9):
        rows = x[:100].copy()
        rows[3, 0] = value
        try:
            assert math.isfinite(found.score(rows))
        except VaekitError as error:
            assert "row 3 of X" in str(error) and "far outside" in str(error)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (3, "callable images → features, got int 3"),
        (lambda x: x.flatten(1) + 0j, "complex"),
        (lambda x: "features", "expected features"),
        (lambda x: x.flatten(1) / 0, "features of image 0 are not finite"),
        (lambda x: x.flatten(1).T, r"maps 40 images to \(40, D\)"),
        (lambda x: x.flatten(1)[:, 0], "flatten what it returns"),
    ],
)
def test_feature_networks_of_ones_own(network, said):
    with pytest.raises(VaekitError, match=said):
        features_of(network, PICTURES)


def test_features_are_as_many_of_every_image():
    widths = iter((3, 4))
    with pytest.raises(VaekitError, match="gives 3 features and then 4"):
        features_of(lambda x: torch.zeros(len(x), next(widths)), torch.zeros(600, 2))


# ---- in a few lines

SHORT = {
    "Fit": lambda: trained(table(), made(ROWS)),
    "Interval": lambda: next(iter(fit(*table(), made(ROWS), QUICK))).interval(),
    "Pass": lambda: TABLED(ROWS),
    "Objective": lambda: SYSTEM[1],
    "Ledger": partial(ledger, TABLED, made(ROWS), samples=2),
    "Aggregate": partial(aggregate, TABLED, made(ROWS)),
    "Indicators": partial(indicators, TABLED, made(ROWS)),
    "LogLikelihood": partial(log_likelihood, TABLED, made(ROWS), samples=2),
    "Bound": partial(mutual_information_bound, TABLED, made(ROWS), steps=2),
    "Codes": partial(apply.encode_set, TABLED, made(ROWS)),
}


@pytest.mark.parametrize("name", SHORT)
def test_results_are_written_in_a_few_lines(name):
    said = repr(SHORT[name]())
    assert said.startswith(f"{name}(")
    assert len(said) < 400 and "\n" not in said and "tensor(" not in said


def test_tensors_are_written_by_type_and_shape():
    assert repr(apply.encode_set(TABLED, made(ROWS))) == (
        "Codes(code=float32 (40, 2), mean=float32 (40, 2), std=float32 (40, 2))"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), "int64 (2, 3)"),
        (np.zeros(4), "float64 (4,)"),
        (torch.tensor(2.5), "2.5"),
        (list(range(10**6)), "list of 1000000"),
        ([[1.0] * 10**6], "list of 1"),
        ({"epochs": 3}, "{'epochs': 3}"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "Sequential of 2"),
        (object(), "object"),
    ],
)
def test_values_are_written_in_brief(value, said):
    assert brief(value) == said


def test_notfinite_is_of_the_step():
    """What is wrong from the start is said after one step, not after a hundred."""
    going = iter(
        fit(table()[0], Distortion() + Says(lambda run: run.z.sum() / 0), made(ROWS), QUICK)
    )
    with pytest.raises(NotFinite, match="at step 1: no weight was changed before") as caught:
        next(going)
    assert (caught.value.step, caught.value.term) == (1, "own")

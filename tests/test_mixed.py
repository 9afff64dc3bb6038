"""Tables of mixed columns: densities, what is missing, and rows as their owner writes them."""

import math
import shutil
from datetime import date, datetime, time

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import stats
from sklearn.base import clone
from torch import nn

import vaekit
from vaekit.cli import main
from vaekit.corruptions import corruption
from vaekit.data import Dataset, Schema, TableColumns
from vaekit.data.files.reading import read_table
from vaekit.data.files.tables import table
from vaekit.data.tables.laws import fields_of
from vaekit.data.tables.mixed import entries_of, typed
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.estimators import VAE, OutlierDetector, estimator, load
from vaekit.information import log_likelihood
from vaekit.information.missing import distortion_by_column, imputed, rows_given
from vaekit.likelihoods import Bernoulli
from vaekit.likelihoods import Columns as ColumnsLikelihood
from vaekit.model import Model
from vaekit.posteriors import Gaussian, Posterior
from vaekit.priors import Normal

LAWS = [
    *("gaussian", "categorical(3)", "bernoulli", "poisson", "negative_binomial", "laplace"),
    *("categorical(2)", "student_t", "zero_inflated_negative_binomial"),
]
D = 12


class Fixed(nn.Module):
    """Give the same outputs for every code, (n, width)."""

    def __init__(self, out: torch.Tensor):
        super().__init__()
        self.out = nn.Parameter(out)

    def forward(self, z):
        return self.out.expand(len(z), -1)


def fixed(laws=LAWS, width=D):
    torch.manual_seed(0)
    out = torch.randn(3 * width)
    return ColumnsLikelihood(Fixed(out), laws, scale=0.7), out.view(3, width)


def by_scipy(h, x) -> list[float]:
    """Return ln p of each column of LAWS at x (D,), by SciPy."""

    def shares(some):
        return np.exp(some) / np.exp(some).sum()

    def counts(at):
        mean, theta = np.exp(h[0, at]), np.exp(h[1, at])
        return stats.nbinom(theta, theta / (theta + mean))

    excess = 1 / (1 + np.exp(-h[2, 11]))
    last = (excess if x[11] == 0 else 0) + (1 - excess) * counts(11).pmf(x[11])
    return [
        stats.norm(h[0, 0], 0.7).logpdf(x[0]),
        float(np.log(shares(h[0, 1:4])[int(x[1:4].argmax())])),
        stats.bernoulli(1 / (1 + np.exp(-h[0, 4]))).logpmf(x[4]),
        stats.poisson(np.exp(h[0, 5])).logpmf(x[5]),
        counts(6).logpmf(x[6]),
        stats.laplace(h[0, 7], 0.7).logpdf(x[7]),
        float(np.log(shares(h[0, 8:10])[int(x[8:10].argmax())])),
        stats.t(4, h[0, 10], 0.7).logpdf(x[10]),
        math.log(last),
    ]


@pytest.mark.parametrize("last", [0.0, 3.0])
def test_the_law_of_every_column_by_scipy(last):
    made, h = fixed()
    x = torch.tensor([0.3, 0, 1, 0, 1, 2, 5, -1.0, 1, 0, 0.2, last])
    at = torch.zeros(1, 1, 2)
    p, wanted = made(at), by_scipy(h.detach().numpy().astype(float), x.numpy())
    np.testing.assert_allclose(p.log_prob_by_column(x).detach()[0, 0], wanted, rtol=2e-5)
    for gone, k in ((slice(0, 1), 0), (slice(1, 4), 1), (slice(6, 7), 4), (slice(11, 12), 8)):
        some = x.clone()
        some[gone] = torch.nan  # as if the column were not there, with a gradient that is a number
        log = made(at).log_prob(some)
        np.testing.assert_allclose(float(log.detach()), sum(wanted) - wanted[k], rtol=2e-5)
        assert torch.isfinite(torch.autograd.grad(log.sum(), list(made.parameters()))[0]).all()


def test_draws_and_moments_agree():
    made, _ = fixed()
    p = made(torch.zeros(1, 1, 2))
    drawn = p.sample((40_000,))[:, 0, 0]
    error = 6 * (p.variance[0, 0] / len(drawn)).sqrt().detach()
    assert ((drawn.mean(0) - p.mean[0, 0]).abs() < error + 1e-6).all()
    assert set(drawn[:, 1:4].sum(1).tolist()) == {1.0}
    heavy = [10]  # whose fourth moment is infinite
    light = [d for d in range(D) if d not in heavy]
    ratio = drawn.var(0)[light] / p.variance[0, 0].detach()[light]
    assert (ratio - 1).abs().max() < 0.25


class Line(nn.Module):
    """Decode one latent into the heads of a Gaussian, a class of two, and a count."""

    weight = torch.tensor([0.9, 1.2, -1.0, 0.6])

    def forward(self, z):
        first = z * self.weight + torch.tensor([0.2, -0.1, 0.3, 0.5])
        return torch.cat([first, torch.ones_like(first), torch.zeros_like(first)], 1)


def line() -> tuple[Model, Dataset]:
    """Return a model whose posterior is off, and rows that miss each column in turn."""
    torch.manual_seed(1)
    laws = ["gaussian", "categorical(2)", "negative_binomial"]
    model = Model(Gaussian(nn.Linear(4, 2), 1), ColumnsLikelihood(Line(), laws), Normal(1))
    nan = torch.nan
    x = [[nan, 1, 0, 4], [1.5, nan, nan, 0], [-1.0, 0, 1, nan], [2.0, 0, 1, 1]]
    return model, Dataset(torch.tensor(x), name="rows")


class Sure(Posterior):
    """Put all codes beside where another posterior has them, closely."""

    def __init__(self, other):
        super().__init__()
        self.other, self.latent = other, other.latent

    def forward(self, x, c=None):
        mean = self.other(x, c).mean
        return DiagonalGaussian(mean + 0.5, torch.full_like(mean, 0.02).log())


def exact(model: Model, x: torch.Tensor) -> np.ndarray:
    """Return E[x|x_o] of every row by quadrature over the latent."""
    z = torch.linspace(-7, 7, 4001)[:, None, None].expand(-1, len(x), 1)
    with torch.no_grad():
        p = model.likelihood(z)
        log = p.log_prob(x).double() - 0.5 * z[..., 0].double().square()
        return (log.softmax(0)[..., None] * p.mean).sum(0).numpy()


def test_imputation_is_the_mean_given_the_rest():
    model, data = line()
    made = imputed(model, data, samples=20_000)
    gone = data.images.isnan()
    assert torch.equal(made[~gone], data.images[~gone])
    wanted = exact(model, data.images)
    np.testing.assert_allclose(made[gone], wanted[gone.numpy()], atol=0.03)
    with torch.no_grad():  # what is often done: the mean of p(x|z) at the mean code
        at_mean = model.likelihood(model.encode(data.images).mean[None]).mean[0]
    assert np.abs(at_mean[gone].numpy() - wanted[gone.numpy()]).max() > 0.2
    drawn = torch.stack([imputed(model, data, 200, True, seed) for seed in range(300)])
    np.testing.assert_allclose(drawn.mean(0)[1, 1:3], wanted[1, 1:3], atol=0.1)
    assert set(drawn[:, 2, 3].tolist()) <= set(map(float, range(100)))


def test_an_encoder_that_is_too_sure_does_not_fill_in_alone():
    """By its own codes, weighed as they should be, cells were off by a deviation of the column."""
    model, data = line()
    sure = model.with_parts(posterior=Sure(model.posterior))
    made, gone = imputed(sure, data, samples=2000), data.images.isnan().numpy()
    wanted = exact(model, data.images)
    np.testing.assert_allclose(made.numpy()[gone], wanted[gone], atol=0.25)
    bound = log_likelihood(sure, data, samples=2000).values
    near = log_likelihood(model, data, samples=20_000).values
    np.testing.assert_allclose(bound, near, atol=0.2)
    with pytest.warns(VaekitWarning, match="fewer than 3 of their 4 codes: say --samples 40"):
        imputed(sure, data, samples=4)


def test_rows_with_given_entries_follow_the_posterior():
    model, _ = line()
    nan = torch.nan
    x = torch.tensor([2.5, nan, nan, nan])
    rows, effective = rows_given(model, x, 20_000)
    assert (rows[:, 0] == 2.5).all() and effective > 100
    wanted = exact(model, x[None])[0]
    np.testing.assert_allclose(rows[:, 1:].mean(0), wanted[1:], atol=0.02, rtol=0.06)
    prior = model.likelihood(torch.randn(20_000, 1, 1)).mean[:, 0].mean(0).detach()
    assert abs(prior[1] - wanted[1]) > 0.2  # of all rows it is another
    with pytest.warns(VaekitWarning, match="rare to the model"):
        rows_given(model, torch.tensor([10.0, nan, nan, nan]), 5)


def test_hidden_columns_are_hidden_whole():
    torch.manual_seed(0)
    seen = corruption("hidden(p=0.3, sizes=[1, 3, 2])")(torch.rand(4000, 6)).isnan()
    for first, last in ((1, 4), (4, 6)):
        assert (seen[:, first:last].all(1) == seen[:, first:last].any(1)).all()
    shares = seen.double().mean(0)
    assert (shares - 0.3).abs().max() < 5 * (0.21 / 4000) ** 0.5
    together = float((seen[:, 0] & seen[:, 1]).double().mean())
    assert abs(together - 0.09) < 5 * (0.09 * 0.91 / 4000) ** 0.5
    with pytest.raises(VaekitError, match="hidden entries are missing ones"):
        Model(Gaussian(nn.Linear(4, 2), 1), Bernoulli(nn.Linear(1, 4)), Normal(1), "hidden")
    with pytest.raises(VaekitError, match="leave sizes out"):
        corruption("hidden(p=0.3, sizes=[1, 3])")(torch.rand(2, 6))


def test_distortions_of_columns_add_up():
    model, data = line()
    whole = vaekit.information.evaluate(model, data)["distortion"]["value"]
    each = distortion_by_column(model, data)
    assert len(each) == 3 and abs(float(each.sum()) - whole) < 3


# ---- what a table holds


def people(n: int = 300, seed: int = 0, missing: float = 0.1) -> pd.DataFrame:
    """Return rows of six kinds, of which age tells the others."""
    r = np.random.default_rng(seed)
    kind = r.integers(3, size=n)
    made = pd.DataFrame(
        {
            "age": (30 + 15 * kind + r.normal(0, 3, n)).round(1),
            "native city": np.array(["Oslo", "Rome", "São Paulo"])[kind],
            "smoker": r.random(n) < 0.2 + 0.3 * kind,
            "visits": r.poisson(np.exp(kind)),
            "grade": r.integers(1, 6, n),
            "income": np.exp(3 + 0.4 * kind + r.normal(0, 0.3, n)).round(2),
        }
    )
    return made.mask(r.random(made.shape) < missing) if missing else made


def test_columns_get_laws_by_what_they_hold_and_come_back():
    frame = people(missing=0.0)
    read = read_table(frame)
    fields = fields_of(read, read.frame.columns, {"income": "student_t"})
    said = {field.name: field.text for field in fields}
    assert said == {
        "age": "gaussian",
        "native city": "categorical(3)",
        "smoker": "bernoulli",
        "visits": "negative_binomial",
        "grade": "categorical(5)",
        "income": "student_t",
    }
    own = entries_of(read, fields)
    assert typed(own, fields).equals(pl.DataFrame(frame.to_dict("list")))
    names = tuple(name for field in fields for name in field.entry_names())
    columns = TableColumns.of(names, own, "standard", fields=fields)
    np.testing.assert_allclose(columns.own(columns.scaled(own)), own, atol=1e-9)
    again = TableColumns.from_plain(columns.plain())
    assert again.fields == fields and again.same(columns)


def test_scaling_is_learned_from_what_is_there():
    frame = people(missing=0.3)
    data = table(frame, mixed=True)
    first = data.columns.names.index("age")
    there = frame["age"].dropna()
    assert data.columns.shift[first] == pytest.approx(there.mean())
    assert data.columns.width[first] == pytest.approx(there.std(ddof=0))
    assert int(data.images[:, first].isnan().sum()) == int(frame["age"].isna().sum())
    assert all(map(math.isfinite, data.range))


BAD = {
    "no value": ({"a": [None, None, None], "b": [1.0, 2.5, 3.1]}, {}, "no value at all"),
    "names": ({"a": [f"n{k}" for k in range(200)]}, {}, "200 classes"),
    "times": ({"a": [time(1), time(2)]}, {}, "type Time"),
    "two readings": ({"a": ["01/02/2020", "03/04/2020"]}, {}, "day or the month comes first"),
    "per cent": ({"a": ["31.3%", "7%", "12%"]}, {}, "31.3%.*without signs of per cent"),
    "thousands": ({"a": ["21,589", "1,200"]}, {}, "or say decimal=','"),
    "a broken date": ({"a": ["2020-01-01"] * 19 + ["2020-13-01"]}, {}, "but also '2020-13-01'"),
    "dates as counts": ({"a": ["2020-01-01"]}, {"laws": {"a": "poisson"}}, "holds dates"),
    "an unknown law": ({"a": [1.0, 2.5]}, {"laws": {"a": "gausian"}}, "Did you mean"),
    "a law of no column": ({"a": [1.0, 2.5]}, {"laws": {"b": "gaussian"}}, "column with a law"),
    "counts below 0": ({"a": [-1, 2, 4]}, {"laws": {"a": "poisson"}}, "holds -1"),
    "text as a number": ({"a": ["x", "y"]}, {"laws": {"a": "gaussian"}}, "not of"),
    "infinity": ({"a": [1.0, math.inf, 2.0]}, {}, "infinite"),
    "a mean": ({"a": ["x", "y"]}, {"missing": "mean"}, "itself deals with"),
    "a map": ({"a": ["x", "y"]}, {"mmap": True}, "into memory"),
}


@pytest.mark.parametrize("case", BAD)
def test_columns_that_have_no_law_are_refused(case):
    columns, options, said = BAD[case]
    with pytest.raises(VaekitError, match=said):
        table(pl.DataFrame(columns, strict=False), mixed=True, **options)


DATES = {
    "2020-12-31": "2021-01-02",
    "2020/12/31": "2021/01/02",
    "31.12.2020": "02.01.2021",
    "31/12/2020": "02/01/2021",
    "12/31/2020": "01/02/2021",
    "2020-12": "2021-01",
    "2020-12-31 10:30": "2021-01-02 00:00",
    "2020-12-31T10:30:05": "2021-01-02T00:00:59",
    "2020-12-31T10:30:05Z": "2021-01-02T00:00:59Z",
    "2020-12-31 10:30:05.250000": "2021-01-02 00:00:59.000000",
    date(2020, 12, 31): date(2021, 1, 2),
    datetime(2020, 12, 31, 10, 30): datetime(2021, 1, 2),
}


@pytest.mark.parametrize("first", DATES)
def test_dates_are_days_and_come_back_as_they_were(first):
    values = [first, None, DATES[first]]
    data = table(pl.DataFrame({"day": values, "n": [1.5, 2.0, 0.25]}), mixed=True)
    assert data.columns is not None
    (field, _), known = data.columns.fields, Schema.of(data)
    days = known.own(data.images)[:, 0]
    moments = [datetime(2020, 12, 1 if first == "2020-12" else 31), datetime(2021, 1, 2)]
    assert abs(float(days[0]) - (moments[0] - datetime(1970, 1, 1)).days) < 1
    assert field.law == "gaussian" and math.isnan(days[1])
    made = data.columns.typed(known.own(data.images).astype(float))
    assert made["day"].to_list() == values
    if isinstance(first, str):
        with pytest.raises(VaekitError, match=rf"like {first}, but row 1 holds 'later'"):
            known.admitted(pl.DataFrame({"day": [first, "later"], "n": [1.0, 2.0]}))
    new = known.admitted(pl.DataFrame({"day": [datetime(2021, 1, 2)], "n": [2.0]}))
    assert abs(float(known.own(new.images)[0, 0]) - 18_629) < 1
    with pytest.raises(VaekitError, match="held dates"):
        known.admitted(pl.DataFrame({"day": [3.5], "n": [2.0]}))


def test_a_day_that_can_be_no_month_tells_which_comes_first():
    days = [f"{k % 12 + 1:02d}/03/2020" for k in range(39)]
    data = table(pl.DataFrame({"day": [*days, "31/03/2020"]}), mixed=True)
    assert data.columns is not None and data.columns.fields[0].date == "%d/%m/%Y"


@pytest.mark.parametrize("unit", ["ns", "us", "s"])
def test_times_of_pandas_are_times(unit):
    days = pd.Series(pd.to_datetime(["2020-01-01", None, "2021-01-01"])).astype(f"M8[{unit}]")
    data = table(pd.DataFrame({"day": days, "n": [1.0, 2.0, 3.5]}), mixed=True)
    assert data.columns is not None and data.columns.fields[0].date == "datetime"
    days = Schema.of(data).own(data.images)[:, 0]
    assert abs(days[0] - 18_262) < 0.1 and math.isnan(days[1]) and abs(days[2] - 18_628) < 0.1


def test_dates_may_be_classes():
    days = ["2020-01-01", "2020-02-01", "2020-03-01"] * 9
    data = table(pl.DataFrame({"day": days}), mixed=True, laws={"day": "categorical"})
    assert data.columns is not None and data.columns.fields[0].levels == tuple(days[:3])


def test_decimals_of_fixed_point_and_large_counts():
    prices = pl.Series("price", [1.5, 2.25, 4.0, 4.5] * 20).cast(pl.Decimal(10, 2))
    counts = np.random.default_rng(0).lognormal(12, 1, 80).astype(int)
    data = table(pl.DataFrame({"price": prices, "count": counts}), mixed=True)
    assert [f.law for f in data.columns.fields] == ["gaussian", "gaussian"]
    assert data.columns.fields[1].decimals == 0 and bool(data.images.isfinite().all())


def test_classes_that_differ_in_capitals_are_named():
    with pytest.warns(VaekitWarning, match="differ in capitals alone, YES, Yes"):
        table(pl.DataFrame({"a": ["Yes", "YES", "no"]}), mixed=True)
    kept = {"laws": {"a": "categorical"}}
    assert table(pl.DataFrame({"a": ["31%", "7%", "9%"]}), mixed=True, **kept).shape == (3,)


def test_words_of_a_file_stay_words(tmp_path):
    """Codes with zeros in front, true and false; one odd cell makes no other unknown."""
    file, new = tmp_path / "t.csv", tmp_path / "new.csv"
    rows = [
        f"0{1000 + k % 3};{'TRUE' if k % 2 else 'FALSE'};{k * k % 37},5;{k % 4}" for k in range(40)
    ]
    file.write_text("\n".join(["code;flag;n;wave", *rows]))
    data = table(file, mixed=True, laws={"wave": "categorical"})
    assert data.columns is not None
    code, flag, n, wave = data.columns.fields
    assert code.levels == ("01000", "01001", "01002") and flag.levels == ("FALSE", "TRUE")
    assert n.law == "gaussian" and wave.levels == (0, 1, 2, 3)
    new.write_text("code;flag;n;wave\n01001;1;2,5;3.0\nD-01;true;1,5;02\n01002;FALSE;0,5;x")
    with pytest.warns(VaekitWarning) as said:
        x = Schema.of(data).admitted(read_table(new, words=True)).images
    assert [str(each.message).rpartition(": ")[2] for each in said] == ["D-01", "x"]
    assert x[:, :3].isnan().any(1).tolist() == [False, True, False]
    assert x[:, 3].tolist() == [1, 1, 0] and not x[:, 4].isnan().any()
    assert x[:2, 5:].argmax(1).tolist() == [3, 2] and x[2, 5:].isnan().all()


def test_new_rows_are_read_by_what_the_training_saw():
    data = table(people(), mixed=True)
    known = Schema.of(data)
    rows = people(50, seed=1)[["income", "grade", "visits", "smoker", "native city", "age"]]
    rows.loc[0, "native city"] = "Lima"
    with pytest.warns(VaekitWarning, match="not seen in training.*Lima"):
        new = known.admitted(rows)
    assert new.images[0, 1:4].isnan().all() and new.shape == data.shape
    with pytest.raises(VaekitError, match="held numbers in training"):
        known.admitted(people(5, missing=0).assign(age="old"))
    with pytest.raises(VaekitError, match="income"):
        known.admitted(people(5).drop(columns="income"))


# ---- a user's day


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train on a file of mixed columns, and return it with the run."""
    folder = tmp_path_factory.mktemp("mixed")
    file = folder / "people.csv"
    people(600).to_csv(file, index_label="ID")
    run = vaekit.train(
        "vae",
        data=f"table('{file}', mixed=true, without=ID)",
        **{"out": folder / "run", "epochs": 60, "latent": 3, "network": "mlp(64)", "batch": 50},
        **{"holdout": 0.2, "lr": 3e-3},
    )
    return file, run


def test_missing_cells_are_filled_in(trained, tmp_path, capsys):
    file, run = trained
    out = tmp_path / "whole.csv"
    main(["impute", str(run.folder), str(file), "--out", str(out)])
    before, after = pl.read_csv(file), pl.read_csv(out)
    assert after.columns == before.columns and not sum(after.null_count().row(0))
    for name in before.columns:
        there = before[name].is_not_null()
        assert before[name].filter(there).cast(str).equals(after[name].filter(there).cast(str))
    printed = capsys.readouterr().out
    counts = {name: before[name].null_count() for name in before.columns}
    assert f"{sum(counts.values()):,} missing cells filled in" in printed
    assert all(f"{name} {count:,}" in printed for name, count in counts.items() if count)
    main(["impute", str(run.folder), str(file), "--hide", "0.2"])
    printed = capsys.readouterr().out
    assert "native city" in printed and "without a model" in printed
    errors = {e.field.name: e for e in run.imputation_errors(file, hide=0.2)}
    assert all(errors[name].error < errors[name].baseline for name in ("age", "native city"))


def test_cells_that_were_there_stay_as_they_are_written(trained, tmp_path, capsys):
    _, run = trained
    file, out = tmp_path / "new.csv", tmp_path / "whole.csv"
    names = ["grade", "visits", "smoker", "native city", "age", "income"]
    known = people(4, missing=0)[names].astype(str).to_dict("list")
    known["age"] = ["30", "", "41.50", "NA"]
    rows = [known | {"code": ["007", "NA", "1e9", "-3"], "note": ["TRUE", "", "a; b", "?"]}]
    lines = [[*rows[0]], *map(list, zip(*rows[0].values(), strict=True))]
    quoted = [[f'"{cell}"' if ";" in cell else cell for cell in line] for line in lines]
    file.write_text("".join(";".join(line) + "\n" for line in quoted))
    main(["impute", str(run.folder), str(file), "--out", str(out)])
    assert "2 missing cells filled in" in capsys.readouterr().out
    was, now = (each.read_text().splitlines() for each in (file, out))
    assert was[0] == now[0] and was[1] == now[1] and was[3] == now[3]
    for k in (2, 4):
        one, other = was[k].split(";"), now[k].split(";")
        assert one[:4] + one[5:] == other[:4] + other[5:] and 0 < float(other[4]) < 150
    plain = out.read_bytes()
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    main(["impute", str(run.folder), str(file), "--out", str(out), "--force"])
    assert out.read_bytes() == b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("column", "value", "cause"),
    [
        ("grade", math.inf, "'grade' holds 1 values that are infinite"),
        ("visits", 2.5, "'visits' is of counts, whole numbers from 0 on, but row 2 holds 2.5"),
        ("visits", -3.0, "'visits' is of counts, whole numbers from 0 on, but row 2 holds -3"),
    ],
)
def test_cells_that_no_column_has_are_refused(trained, column, value, cause):
    _, run = trained
    rows = people(6, missing=0).astype({column: float})
    rows.loc[2, column] = value
    for ask in (run.impute, run.encode):
        with pytest.raises(VaekitError, match=cause):
            ask(rows)


def test_what_does_not_go_together_in_impute_is_refused(trained, tmp_path, capsys):
    _, run = trained
    for words in (["--out", str(tmp_path / "x.csv")], ["--draw"]):
        with pytest.raises(SystemExit):
            main(["impute", str(run.folder), "--hide", "0.2", *words])
        assert "leave --out and --draw out" in capsys.readouterr().err
    with pytest.raises(VaekitError, match="draw must be"):
        run.impute(draw="no")


def test_rows_far_off_are_named(trained, tmp_path):
    _, run = trained
    rows = pl.DataFrame(people(6, missing=0).to_dict("list"))
    far = rows.with_columns(income=pl.lit(1e30), age=None)
    apart = pytest.warns(VaekitWarning, match="6 of 6 rows lie far outside")
    with apart, pytest.warns(VaekitWarning, match="so far off"):
        assert run.impute(far)["age"].null_count() == 0
    far = rows.with_columns(income=pl.when(pl.int_range(6) == 4).then(1e3).otherwise("income"))
    far.write_csv(tmp_path / "far.csv")
    for given in (far, tmp_path / "far.csv"):
        with pytest.warns(VaekitWarning, match="1 of 6 rows lie far outside .* in income: 4"):
            run.impute(given)
    with pytest.raises(VaekitError, match="a file or a data frame"):
        run.impute(np.zeros((3, 12)))


def test_a_conditional_model_is_told_what_it_fills_in_under(tmp_path):
    file = tmp_path / "people.csv"
    people(300, missing=0.0).to_csv(file, index=False)
    run = vaekit.train(
        "cvae",
        data=f"table('{file}', mixed=true, label='native city', laws={{income: laplace}})",
        **{"out": tmp_path / "run", "epochs": 15, "latent": 2, "network": "mlp(32)", "lr": 1e-2},
    )
    assert run.schema.columns.fields[-1].law == "laplace"
    rows = people(4, seed=2, missing=0).assign(age=None).drop(columns=["native city"])
    rows[["smoker", "visits", "income"]] = None
    young, old = (run.impute(rows, condition=city)["age"].mean() for city in ("Oslo", "São Paulo"))
    assert young + 10 < old
    errors = [run.imputation_errors(file, c, hide=0.5)[0].error for c in (None, "Oslo")]
    assert errors[0] < errors[1]


def test_rows_are_sampled_in_their_own_types(trained, tmp_path):
    _, run = trained
    out = tmp_path / "rows.csv"
    given = "native city=São Paulo, smoker=true"
    main(["sample", str(run.folder), "--n", "40", "--given", given, "--out", str(out)])
    rows = pl.read_csv(out)
    assert set(rows["native city"]) == {"São Paulo"} and set(rows["smoker"]) == {True}
    assert rows.schema["visits"] == pl.Int64 and rows["age"].mean() > 50
    graded = run.frame(run.sample(5, given={"grade": 3.0, "age": 40}))
    assert set(graded["grade"]) == {3} and set(graded["age"]) == {40.0}
    free = run.frame(run.sample(300))
    assert set(free["native city"]) == {"Oslo", "Rome", "São Paulo"}
    assert free["age"].mean() < 50
    for bad, said in (
        ("town=Oslo", "Did you mean|column to give"),
        ("native city=Lima", "class of native city"),
        ("age=old", "holds numbers"),
        ("age=nan", "holds numbers"),
        ("age=900", "went from"),
        ("visits=1.5", "has 0 decimals"),
        ("age=40, age=50", "given twice"),
        ("Oslo", "column=value"),
    ):
        with pytest.raises(VaekitError, match=said):
            run.sample(3, given=bad)


def test_all_that_a_run_can_do_knows_missing_entries(trained, tmp_path):
    file, run = trained
    numbers = run.evaluate(metrics=[], information=True, importance_samples=2)
    assert not any("no better than the mean" in said.text for said in run.summary())
    assert math.isfinite(numbers["squared_error"]["value"])
    page = run.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "negative_binomial" in page and 'id="columns"' in page
    assert np.isfinite(run.encode(file)).all()
    scores = run.score(file, samples=5, reference=50).table()
    assert scores.height == 600 and np.isfinite(scores["log_likelihood"].to_numpy()).all()
    assert load(run.folder).transform(people(3)).shape == (3, 3)
    for refused in (lambda: run.refit(), lambda: run.export("torch", tmp_path / "made")):
        with pytest.raises(VaekitError, match="mixed columns"):
            refused()


def test_a_likelihood_of_its_own_kind_is_asked_for(trained, tmp_path):
    file, _ = trained
    asked = {"epochs": 1, "network": "mlp(8)", "latent": 2, "out": tmp_path / "run"}
    with pytest.raises(VaekitError, match="each with a law of its own"):
        vaekit.train(
            "vae", data=f"table('{file}', mixed=true, without=ID)", likelihood="gaussian", **asked
        )
    with pytest.raises(VaekitError, match="mixed=true"):
        vaekit.train("vae", data="digits", likelihood="columns", **asked)


def test_estimators_take_frames_of_mixed_columns(tmp_path):
    frame = people(200)
    made = VAE(latent=2, epochs=2, network="mlp(16)", random_state=0).fit(frame)
    assert made.n_features_in_ == 6 and list(made.feature_names_in_) == list(frame.columns)
    codes = made.transform(frame)
    assert np.isfinite(codes).all() and np.isfinite(made.score(frame))
    rows = made.sample(5)
    assert rows.columns == list(frame.columns) and rows.schema["native city"] == pl.String
    made.save(tmp_path / "one.safetensors")
    again = VAE.load(tmp_path / "one.safetensors")
    np.testing.assert_array_equal(again.transform(frame), codes)
    asked = {"corruption": "hidden(p=0.2)", "network": "mlp(8)"}
    plain = estimator("ae")(epochs=1, latent=2, **asked).fit(frame)
    assert plain._arguments["corruption"] == "hidden(p=0.2, sizes=[1, 3, 1, 1, 5, 1])"
    assert plain.inverse_transform(np.zeros((2, 2))).columns == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        made.transform(frame.drop(columns="age"))
    with pytest.raises(VaekitError, match="data frame of mixed columns"):
        made.transform(frame.to_numpy())


def test_estimators_take_numbers_with_holes_where_columns_are_asked_for():
    frame = people(200)[["age", "income"]]
    assert frame.isna().any().any()
    with pytest.raises(ValueError, match=r"contains NaN, in the columns .*likelihood='columns'"):
        VAE(epochs=1).fit(frame)
    made = VAE(latent=2, epochs=2, network="mlp(16)", likelihood="columns").fit(frame)
    assert np.isfinite(made.transform(frame)).all() and np.isfinite(made.score(frame))
    assert made.sample(3).columns == ["age", "income"]
    whole = VAE(latent=2, epochs=1, network="mlp(16)", likelihood="squared_error")
    assert whole.fit(frame.dropna()).columns_ is None


def test_estimators_take_the_laws_of_some_columns(tmp_path):
    frame, laws = people(200)[["age", "income"]], {"income": "student_t"}
    made = VAE(latent=2, epochs=2, network="mlp(16)", laws=laws, random_state=0).fit(frame)
    assert [field.law for field in made.columns_.fields] == ["gaussian", "student_t"]
    assert clone(made).laws == laws
    made.save(tmp_path / "m.safetensors")
    kept = load(tmp_path / "m.safetensors")
    assert kept.laws == laws
    np.testing.assert_array_equal(kept.transform(frame), made.transform(frame))
    held = OutlierDetector(clone(made)).fit(frame.dropna())
    assert held.scaler_ is None and held.estimator_.columns_.fields[1].law == "student_t"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"laws": {"incom": "student_t"}}, "Did you mean 'income'"),
        ({"laws": {"income": "students"}}, "Did you mean 'student_t'"),
        ({"laws": {"income": "poisson"}}, "choose one of gaussian, student_t, laplace"),
        ({"laws": "student_t"}, "by the names of columns"),
        ({"laws": {"age": "laplace"}, "image_shape": (1, 2)}, "without image_shape"),
        ({"laws": {"age": "laplace"}, "likelihood": "gaussian"}, "leave the likelihood out"),
    ],
)
def test_laws_that_do_not_fit(settings, said):
    frame = people(60)[["age", "income"]].dropna() - 0.5
    with pytest.raises(VaekitError, match=said):
        VAE(latent=2, epochs=1, network="mlp(8)", **settings).fit(frame)
    with pytest.raises(VaekitError, match="give X as a data frame"):
        VAE(latent=2, epochs=1, network="mlp(8)", laws={"age": "laplace"}).fit(frame.to_numpy())


def test_files_that_are_read_otherwise_than_then_are_not_said_to_be_others(trained, tmp_path):
    _, run = trained
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    text = (folder / "run.yaml").read_text()
    (folder / "run.yaml").write_text(text.replace(run.config.data_checksum, "f" * 64))
    with pytest.raises(VaekitError, match="the files are the same, but are read otherwise"):
        vaekit.Run(folder).data  # noqa: B018

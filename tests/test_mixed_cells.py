"""Cells of mixed tables: odd ones, types that frames bring, and what is filled in beside others."""

import warnings
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

import vaekit
from vaekit.cli import main
from vaekit.data import Dataset, Schema, load
from vaekit.data.files.tables import table
from vaekit.data.tables import dates
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.estimators import VAE


def field_of(cells, **options):
    """Return what a column is read as, and the data."""
    data = table(pl.DataFrame({"a": cells}, strict=False), mixed=True, **options)
    assert isinstance(data, Dataset) and data.columns is not None
    return data.columns.fields[0], data


def days(form: str, count: int = 60) -> list[str]:
    """Write days, 37 apart, in a form."""
    return [(datetime(1970, 1, 1, 3) + timedelta(37 * k)).strftime(form) for k in range(count)]


def test_text_that_is_no_date_is_not_read_as_dates(monkeypatch):
    """Every column was read in 56 forms: 50 rows of 500 columns took 22 s."""
    asked, reading = list[str](), dates._reading
    monkeypatch.setattr(dates, "_reading", lambda form: asked.append(form) or reading(form))
    words = {"letters": list("abc"), "codes": ["a1", "b2", "c3"], "ranges": ["1-3", "4-6", "7-9"]}
    table(pl.DataFrame({name: 20 * cells for name, cells in words.items()}), mixed=True)
    assert not asked
    assert field_of(days("%Y-%m-%d"))[0].date == "%Y-%m-%d" and 0 < len(asked) < 70


AGES = [str(20 + k % 70) for k in range(140)]
NOTED = {
    "a word": ([*AGES[:50], "unknown", *AGES[50:]], "such as '20', but also 'unknown' in row 50"),
    "a letter": ([*AGES, "3O"], "'3O' in row 140 .*71 classes"),
    "after holes": ([None, "-", *AGES, "?x"], "'.x' in row 142"),
    "counts": ([*map(str, np.random.default_rng(0).poisson(4, 90)), "many"], "'many' in row 90"),
    "a day that is none": ([*days("%Y-%m-%d", 7), "2020-02-30"], "'2020-02-30' in row 7"),
    "two orders": ([*days("%d/%m/%Y", 30), *days("%m/%d/%Y", 29)], "dates such.* which is none in"),
    "a word among classes": (["1", "2", "3", "4", "oops", *"123" * 12], "'oops' in row 4 .*5 cla"),
    "a word of 0 and 1": ([*"01" * 20, "oops", "oops"], "'oops' in row 40 "),
    "among decimals": (["1.5", "2.5", "3.5", "4.5", "oops"] * 8, "'1.5', but also 'oops' in row"),
    "a time zone": (days("%Y-%m-%dT%H:%M:%S+01:00"), r"\+01:00' in row 0 .*no form that is read"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTED)
def test_the_cell_that_makes_classes_of_a_column_is_named(case):
    cells, said = NOTED[case]
    with pytest.warns(VaekitWarning, match=f"{said}.*laws={{a: categorical}}"):
        assert field_of(cells)[0].law == "categorical"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert field_of(cells, laws={"a": "categorical"})[0].law == "categorical"
    with pytest.raises(VaekitError, match=said):  # where numbers are asked for
        field_of(cells, laws={"a": "gaussian"})


REFUSED = {
    "decimals": ([*(f"{k / 100:.2f}" for k in range(300)), "x"], "'x' in row 300.*leave the col"),
    "few decimals": ([*(f"{k / 8}" for k in range(40)), "x"], "'x' in row 40"),
    "many numbers": ([*map(str, range(300)), "x"], "'x' in row 300"),
    "of a few": (["1.5", "2.5", "3.5", "4.5", "oops", *["1.5", "2.5"] * 12], "'oops' in row 4 "),
    "per cent in one": (["7%", *["1.5", "2.5", "3.5"] * 12], "'7%' in row 0 "),
    "dates": (["2020-02-30", *days("%Y-%m-%d")], "such as '1970.*, but also '2020-02-30' in row 0"),
    "another order": ([*days("%d/%m/%Y"), "12/31/2020"], "'12/31/2020' in row 60"),
    "a zone among others": ([*days("%Y-%m-%d %H:%M:%S"), "2020-01-01 10:00:00+01:00"], "row 60"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_cells_among_what_can_be_no_classes_are_refused(case):
    cells, said = REFUSED[case]
    with pytest.raises(VaekitError, match=said):
        field_of(cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["0", "1", "2", "3+"] * 20,  # a handful
        [*map(str, range(11, 21)), "A"] * 20,  # as numbers these would be classes too
        ["12", "14", "14b", "16"] * 20,
        ["2019-20", "2020-21", "2021-22", "2022-23"] * 5,
    ],
)
def test_classes_stay_classes_without_a_note(cells):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert field_of(cells)[0].levels == tuple(sorted(set(cells)))


def test_codes_of_a_file_are_no_numbers_but_one_among_numbers_is_named(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("\n".join(["a,b", *(f"{k:05d},x" for k in range(0, 70_000, 1000))]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table(file, mixed=True, columns=["a"])
    file.write_text("\n".join(["a,b", *(f"{age},x" for age in [*AGES, "007"])]))
    with pytest.warns(VaekitWarning, match="'007' in row 140"):
        table(file, mixed=True, columns=["a"])


OBJECTS = {
    "intervals": (pd.cut(np.arange(60.0), 5), 5),
    "intervals with holes": (pd.cut(np.where(np.arange(60) > 50, np.nan, np.arange(60.0)), 4), 4),
    "an index of intervals": (pd.interval_range(0, 60), 60),
    "quarters": (pd.period_range("2000", periods=60, freq="Q"), 60),
    "bytes": ([b"x", b"y", None] * 20, 2),
    "three of bytes": ([b"x", "São".encode(), b"z"] * 20, 3),
}


@pytest.mark.parametrize("case", OBJECTS)
def test_objects_and_bytes_are_classes_by_their_text(case):
    column, count = OBJECTS[case]
    frame = pd.DataFrame({"w": ["a", "b", "c"] * 20, "c": column})
    data = load(frame, mixed=True, holdout=0).train
    assert data.columns is not None
    levels = data.columns.fields[1].levels
    assert len(levels) == count and all(
        isinstance(level, str) and "b'" not in level for level in levels
    )
    gone = frame["c"].isna().to_numpy()
    assert (data.images[:, 3:].isnan().any(1).numpy() == gone).all()
    again = Schema.of(data).admitted(frame).images
    assert again.equal(data.images) or gone.any()
    assert VAE(latent=2, epochs=1, network="mlp(8)").fit(frame).transform(frame).shape == (60, 2)


def test_months_of_pandas_are_dates_bytes_of_numbers_numbers_and_other_bytes_refused():
    months = pd.DataFrame({"a": pd.period_range("2000-01", periods=30, freq="M")})
    data = table(months, mixed=True)
    assert isinstance(data, Dataset) and data.columns and data.columns.fields[0].date == "%Y-%m"
    assert field_of([str(k / 2).encode() for k in range(30)])[0].law == "gaussian"


@pytest.mark.filterwarnings("ignore:.*float64 can tell apart")
@pytest.mark.parametrize("step", [1, 10, 1000])
def test_whole_numbers_that_float64_cannot_tell_apart_are_no_classes(step):
    field, data = field_of([2**60 + step * (k % 5) for k in range(40)])
    assert field.law == "gaussian" and not data.images.isnan().any()
    with pytest.raises(VaekitError, match="no text in UTF-8"):
        field_of([b"\xff", b"y"] * 5)


@pytest.mark.parametrize("start", [2**53, 2**60, -(2**60)])
def test_whole_numbers_that_become_equal_are_named(start):
    with pytest.warns(VaekitWarning, match="values of a differ by less than float64"):
        field_of([start + k for k in range(50)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        field_of(
            [start + 3000 * (k * k % 101) for k in range(50)] if abs(start) > 2**53 else [7] * 9
        )
        field_of([start] * 20)


# ---- filled in


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train on dates as text, words, truths and whole numbers; return the run and some rows."""
    folder, r = tmp_path_factory.mktemp("cells"), np.random.default_rng(0)
    kind = r.integers(3, size=200)
    born = [
        date(1970, 1, 1) + timedelta(int(2000 * a + b))
        for a, b in zip(kind, r.integers(0, 900, 200), strict=True)
    ]
    frame = pl.DataFrame(
        {
            "city": np.array(["Oslo", "Rome", "Lima"])[kind],
            "visits": r.poisson(1 + kind),
            "smoker": kind == 1,
            "born": [str(day) for day in born],
        }
    )
    frame.write_csv(folder / "t.csv")
    run = vaekit.train(
        "vae",
        data=f"table('{folder / 't.csv'}', mixed=true)",
        **{"out": folder / "run", "epochs": 3, "latent": 2, "network": "mlp(8)", "batch": 50},
    )
    rows = frame.head(6)
    holes = [
        pl.when(pl.int_range(6) != k).then(name).alias(name) for k, name in enumerate(rows.columns)
    ]
    return run, rows.with_columns(holes)


FORMS = {
    "dates": pl.col("born").str.to_date(),
    "times": pl.col("born").str.to_datetime(time_unit="us"),
    "fine times": pl.col("born").str.to_datetime(time_unit="ns"),
    "zones": pl.col("born").str.to_datetime(time_unit="ms").dt.replace_time_zone("Europe/Oslo"),
    "small": pl.col("visits").cast(pl.Int8),
    "classes": pl.col("city").cast(pl.Enum(["Rome", "Oslo", "Lima", "Bonn"])),
    "capitals": pl.col("smoker").cast(pl.String).str.to_uppercase(),
}


@pytest.mark.parametrize("case", FORMS)
def test_cells_are_filled_in_in_the_form_of_the_table(trained, tmp_path, case):
    run, rows = trained
    rows = rows.with_columns(FORMS[case])
    made, plain = run.impute(rows), run.impute(trained[1])
    assert made.schema == rows.schema and not sum(made.null_count().row(0))
    for name in rows.columns:
        there = rows[name].is_not_null()
        assert made[name].filter(there).equals(rows[name].drop_nulls())
    assert made["smoker"].cast(pl.String)[2].lower() == str(plain["smoker"][2]).lower()
    assert set(made["smoker"]) <= set(rows["smoker"])
    assert str(made["born"].cast(pl.String)[3]).startswith(plain["born"][3][:7])
    rows.write_parquet(tmp_path / "q.parquet")
    main(["impute", str(run.folder), str(tmp_path / "q.parquet"), "--out", str(tmp_path / "q.csv")])
    written = pl.read_csv(tmp_path / "q.csv", infer_schema=False)["born"]
    assert len(set(written.str.len_chars())) == 1


def test_text_is_filled_in_as_a_table_writes_it_where_training_saw_a_type(trained, tmp_path):
    _, rows = trained
    typed = rows.with_columns(pl.col("born").str.to_date()).drop_nulls()
    many = pl.concat([typed] * 20)
    many.write_parquet(tmp_path / "t.parquet")
    asked = {"epochs": 1, "latent": 2, "network": "mlp(8)", "batch": 10, "out": tmp_path / "run"}
    run = vaekit.train("vae", data=f"table('{tmp_path / 't.parquet'}', mixed=true)", **asked)
    text = many.with_columns(pl.col("born").dt.strftime("%d.%m.%Y"), pl.col("smoker").cast(str))
    text = text.with_row_index("n").with_columns(
        pl.when(pl.col("n") != k).then(name).alias(name) for k, name in enumerate(many.columns)
    )
    text.drop("n").write_csv(tmp_path / "new.csv", separator=";")
    main(["impute", str(run.folder), str(tmp_path / "new.csv"), "--out", str(tmp_path / "q.csv")])
    made = pl.read_csv(tmp_path / "q.csv", separator=";", infer_schema=False)
    assert made["born"].str.contains(r"^\d\d\.\d\d\.\d{4}$").all()
    assert set(made["smoker"]) == {"false"}  # the one class, which training knew as False


def test_counts_with_zeros_in_front_are_words(trained, tmp_path):
    run, rows = trained
    rows = rows.with_columns(pl.col("visits").cast(pl.String).str.zfill(3))
    rows.write_csv(tmp_path / "q.csv")
    with pytest.raises(VaekitError, match=r"'visits' held numbers .* zeros in front make words"):
        run.impute(tmp_path / "q.csv")


def test_whole_numbers_stay_whole_and_bytes_are_text(trained):
    run, rows = trained
    for frame in (
        pd.DataFrame(rows.to_dict(as_series=False)),  # whose holes make floats of them
        rows.with_columns(pl.col("visits").cast(pl.Float64)),
        rows.with_columns(pl.col("city").cast(pl.Binary)),
    ):
        made = run.impute(frame)
        assert made.schema["visits"] == pl.Int64 and made.schema["city"] == pl.String
        assert made["visits"].drop_nulls().len() == 6
    halves = rows.with_columns(pl.col("visits").cast(pl.Float64))
    assert run.impute(halves.with_columns(visits=pl.lit(2.0))).schema["visits"] == pl.Float64


@pytest.mark.parametrize("zone", ["Europe/Oslo", "UTC", None])
def test_times_of_another_zone_are_said_to_come_back_in_utc(zone):
    first = datetime(2020, 6, 1)
    last = first + timedelta(hours=59)
    times = pl.datetime_range(first, last, "1h", time_zone=zone, eager=True)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        field, _ = field_of(times)
    said = [str(note.message) for note in notes]
    assert field.date == "datetime" and any("come back in UTC" in s for s in said) == (
        zone == "Europe/Oslo"
    )


def test_a_date_that_is_given(trained):
    run, _ = trained
    for day in ("1971-02-13", " 1971-02-13 ", date(1971, 2, 13), datetime(1971, 2, 13)):
        assert run.frame(run.sample(2, given={"born": day}))["born"].to_list() == ["1971-02-13"] * 2
    for day in ("13.02.1971", "1971-02-31", "soon", "", 5, None):
        with pytest.raises(VaekitError, match=r"'born' holds dates, like 19.*, got") as refused:
            run.sample(2, given={"born": day})
        assert "row" not in str(refused.value)
    with pytest.raises(VaekitError, match=r"went from .* got 2031"):
        run.sample(2, given={"born": "2031-01-01"})


def test_a_share_that_hides_nothing_says_so(trained, tmp_path, capsys):
    run, rows = trained
    rows.write_csv(tmp_path / "new.csv")
    with pytest.raises(SystemExit):
        main(["impute", str(run.folder), str(tmp_path / "new.csv"), "--hide", "0.0001"])
    assert "no known cell was hidden" in capsys.readouterr().err
    with pytest.raises(VaekitError, match="give a larger one"):
        run.imputation_errors(rows, hide=0.0001)


def test_a_set_that_lost_a_class_is_encoded_by_what_its_cells_mean(tmp_path):
    rng = np.random.default_rng(0)
    cities, answers = ["Oslo", "Rome", "Bonn"], ["yes", "no"]
    size, age = rng.normal(size=60).round(2), rng.integers(20, 80, 60)
    frame = pl.DataFrame({"size": size, "city": cities * 20, "smoker": answers * 30, "age": age})
    frame.write_csv(tmp_path / "people.csv")
    data = f"table('{tmp_path / 'people.csv'}', mixed=true)"
    run = vaekit.train("vae", data=data, out=tmp_path / "run", epochs=1, batch=20)
    for rows in (pl.col("city") != "Oslo", pl.col("smoker") == "no", pl.col("age") > 40):
        part = frame.filter(rows)
        own = load(part.select("age", "smoker", "city", "size"), mixed=True, holdout=0).train
        assert np.allclose(run.encode(own), run.encode(part), atol=1e-6)
    less = load(frame.drop("city"), mixed=True, holdout=0).train
    with pytest.raises(VaekitError, match="city"):
        run.encode(less)


def test_a_row_of_one_code_is_no_row_of_few(tmp_path, recwarn):
    """A deterministic encoder gives a row one code, which more of them would not change."""
    r = np.random.default_rng(0)
    rows = pl.DataFrame({"a": r.normal(size=80), "b": r.normal(size=80), "c": ["x", "y"] * 40})
    rows.write_csv(tmp_path / "t.csv")
    data = f"table('{tmp_path / 't.csv'}', mixed=true)"
    run = vaekit.train("ae", data=data, out=tmp_path / "r", epochs=1, latent=2, batch=20)
    holes = rows.head(22).with_columns(a=pl.lit(None, dtype=pl.Float64))
    assert not run.impute(holes)["a"].null_count()
    assert not [note for note in recwarn if "rest on fewer" in str(note.message)]

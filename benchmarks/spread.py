"""Write what several seeds gave."""

import statistics


def mean_error(values: list[float]) -> tuple[float, float]:
    """Return the mean of two values or more, and its standard error."""
    return statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5


def spread(values: list[float], digits: int = 2) -> str:
    """Write mean ± standard error; a value alone has none."""
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    mean, error = mean_error(values)
    return f"{mean:.{digits}f} ± {error:.{digits}f}"

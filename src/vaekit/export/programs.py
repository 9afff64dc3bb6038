"""Trace modules into programs, write them, and hold each file against the module it came from."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.export.graphs import Graph
from vaekit.system.extras import needed

ONNX = ("onnx", "onnxscript", "onnxruntime")
MOST_DIFFERENCE = 1e-4  # relative difference of a file from the module
OPSET = 18
_SIZES = (7, 1, 3)  # of the batches that a file is checked with: other ones than it was traced with


def check_onnx() -> None:
    """Raise `VaekitError` where what ONNX needs is not installed."""
    for name in ONNX:
        needed(name, "onnx", "ONNX")


def write_onnx(graph: Graph, path: Path) -> float:
    """Write a module as ONNX; return the largest relative difference of what onnxruntime gives."""
    onnxruntime = needed("onnxruntime", "onnx", "ONNX")
    program = _traced(graph, "ONNX")
    with _quiet(), _refusing("ONNX"):
        made = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            external_data=False,
            verbose=False,
        )
        assert made is not None
        made.save(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    with _refusing("onnxruntime"):
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

        def run(given: tuple[Tensor, ...]) -> list[np.ndarray]:
            named = zip(graph.inputs, given, strict=True)
            out = session.run(None, {name: each.numpy() for name, each in named})
            return [np.asarray(each) for each in out]

        return _difference(graph, run)


def write_torch(graph: Graph, path: Path) -> float:
    """Write a module as a program of PyTorch; return the largest relative difference of it."""
    program = _traced(graph, "torch.export")
    with _quiet(), _refusing("torch.export"):
        torch.export.save(program, path)
        read = torch.export.load(path).module()

        def run(given: tuple[Tensor, ...]) -> list[np.ndarray]:
            out = read(*given)
            return [each.numpy() for each in ((out,) if isinstance(out, Tensor) else out)]

        return _difference(graph, run)


def _traced(graph: Graph, what: str) -> Any:
    """Trace a module with a batch of any size."""
    batch = torch.export.Dim("batch")
    with _quiet(), _refusing(what), torch.no_grad():
        shapes = tuple({0: batch} for _ in graph.such)
        return torch.export.export(graph.module, graph.such, dynamic_shapes=shapes)


def _difference(graph: Graph, run: Callable[[tuple[Tensor, ...]], list[np.ndarray]]) -> float:
    """Return max |file − module| / max |module| over outputs and sizes of batches."""
    worst = 0.0
    for size in _SIZES:
        given = tuple(each[:size] for each in graph.such)
        with torch.no_grad():
            out = graph.module(*given)
        wanted = (out,) if isinstance(out, Tensor) else out
        for ours, theirs in zip(wanted, run(given), strict=True):
            if tuple(theirs.shape) != tuple(ours.shape):
                raise VaekitError(f"the file gives shape {theirs.shape}, not {tuple(ours.shape)}")
            apart = float(np.abs(theirs - ours.numpy()).max())
            scale = max(float(ours.abs().max()), 1e-12)
            worst = max(worst, apart / scale if np.isfinite(apart) else np.inf)
    if not worst <= MOST_DIFFERENCE:
        raise VaekitError(
            f"not exported: the file differs from the model by {worst:.1e} of the largest value, "
            f"more than {MOST_DIFFERENCE:g}"
        )
    return worst


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what exporters print and warn of on their way."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Raise `VaekitError` with the reason where a model cannot be exported."""
    try:
        yield
    except VaekitError:
        raise
    except (MemoryError, OSError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())
        raise VaekitError(
            f"{what} cannot take this model: {said[:300]}{'…' * (len(said) > 300)}"
        ) from error

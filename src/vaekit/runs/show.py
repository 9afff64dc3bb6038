"""Show training as it goes: a bar on a terminal, a line for each epoch elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from vaekit.data import Schema
from vaekit.runs import history
from vaekit.runs.config import Config


class Watcher:
    """Follow a run from its beginning, row by row of its history: override what is of use.

    Set `stop` in `look` to end the run there, with weights and a checkpoint, as Ctrl-C does.
    """

    stop: bool = False

    def begin(self, config: Config) -> None:
        """Take what is trained on what, as its data turned out to be."""

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Take the newest row."""

    def end(self, state: str) -> None:
        """Take how it ended: finished, interrupted, diverged, or failed."""


class Bar(Watcher):
    """Draw a progress bar with rate and terms on a terminal; print a line an epoch elsewhere."""

    def __init__(self, title: str, console: Console | None = None):
        self.console = console or Console(stderr=True)
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}")
        self._bar = Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True)
        self._task: TaskID = self._bar.add_task(title, total=None, text="")
        self._printed, self._judged, self._watch = 0, "", "objective"

    def __enter__(self) -> "Bar":
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:  # elsewhere it would print an empty line
            self._bar.stop()

    def begin(self, config: Config) -> None:
        """Say which columns of a table are used."""
        self._watch = config.training.watch
        known = Schema.read(config.notes)
        if known and known.columns:
            self._print(f"columns {known.columns}")

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Show the newest row."""
        names = [name for name in row if f"weight_{name}" in row]
        terms = "  ".join(f"{name} {row[name]:.2f}" for name in names)
        judged = row.get(history.VALIDATION + self._watch)
        if judged is not None:
            self._judged = f"  validation {self._watch} {judged:.2f}"
        text = f"{terms}{self._judged}  {row['images_per_second']:,.0f}/s"
        self._bar.update(self._task, completed=step, total=steps, text=text)
        if not self.console.is_terminal and (int(epoch) > self._printed or step == steps):
            self._printed = int(epoch)
            self._print(f"epoch {epoch:g}  {text}")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)

"""What to try, as options of the command line that the run's recipe has."""

from typing import TYPE_CHECKING

from vaekit.text.shell import quoted

if TYPE_CHECKING:
    from vaekit.runs.config import Config
    from vaekit.runs.folder import Run


def train_longer(run: "Run", looked: bool = True) -> str:
    """Say how to train longer: on from the checkpoint, or from the weights into another folder.

    Where no validation `looked` on, whether that helps on other examples is not known.
    """
    epochs = 2 * run.config.training.epochs
    command = f"vaekit train {quoted(run.folder / 'run.yaml')} --epochs {epochs}"
    if run.checkpoint.exists():
        patience = run.config.training.patience
        more = f" --patience {4 * patience}" if patience else ""
        return (
            f"Train longer: {command}{more} --out {quoted(run.folder)} --resume --keep-checkpoint."
        )
    unseen = "" if looked else " --validation 0.1 --keep best, which shows whether it still helps"
    return f"Train longer: {command} --start {quoted(run.folder)} --out NEW{unseen}."


def weaker_rate(config: "Config") -> str:
    """Say how the code may become cheaper, so that it is used."""
    given, epochs = config.completed(), max(1, config.training.epochs // 4)
    beta = given.get("beta")
    ways = []
    if isinstance(beta, int | float):
        ways.append(
            f'a weight of the KL that grows from 0, --beta "linear(0, {beta:g}, epochs={epochs})"'
        )
        ways.append(f"or a smaller one, --beta {beta / 4:g}")
    elif beta is not None:
        ways.append(f'a schedule that ends lower than --beta "{beta}"')
    else:
        ways.append(
            "a weight of the KL that grows from 0, "
            f'vaekit train beta_vae --beta "linear(0, 1, epochs={epochs})"'
        )
    if str(given.get("likelihood", "")).startswith(("squared_error", "gaussian")):
        ways.append('or a smaller noise of the likelihood, --likelihood "gaussian(sigma=0.1)"')
    return f"Try {', '.join(ways)}."


def gentler(config: "Config") -> str:
    """Say how training may be kept from diverging."""
    lr, clip = config.training.lr, config.training.clip
    step = f"--lr {lr / 10:g}" if isinstance(lr, int | float) else "a lower --lr"
    return f"Try smaller steps, {step}" + ("." if clip else ", and shorter gradients, --clip 1.")

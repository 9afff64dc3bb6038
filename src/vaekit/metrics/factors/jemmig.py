"""JEMMIG: the gap of the MIG, and what else the best latent holds.

The MIG does not see that the latent which tells most of a factor also tells of other factors, or
varies by itself. JEMMIG takes the gap from the joint entropy of the two (Do & Tran 2020, §3.3).
With i* the latent of the largest information about v_k and j° that of the next,

    JEMMIG_k = H(z_i*, v_k) − I(z_i*; v_k) + I(z_j°; v_k)
             = H(z_i* | v_k) + H(v_k | z_i*) + I(z_j°; v_k)

in nats, averaged over factors; lower is better. It is 0 where each factor is one latent, up to
renaming its values, and no other latent tells of it. Since H(z, v) ≤ H(z) + H(v) ≤ ln B + H(v) for
B bins, and I(z_j°; v) ≤ I(z_i*; v),

    0 ≤ JEMMIG_k ≤ H(v_k) + ln B,      normalised 1 − JEMMIG_k / (H(v_k) + ln B), in [0, 1]

of which 1 is best. Entropies are the plug-in estimates of `metrics.factors.mig`, in its bins.

**No information is not the worst.** A latent that varies as little as it tells costs little: a
constant code has JEMMIG_k = H(v_k), normalised ln B / (H(v_k) + ln B), which is .7 for a factor of
4 levels and 20 bins; only noise that fills all bins has 0. So read it beside the MIG. A code of
many values within a level pays for them, also where they are noise of the encoder's.

Permuting and scaling latents changes nothing; a copy of the best latent costs its information; a
turned code pays for what it mixes. One latent alone has no next one, I(z_j°; v_k) = 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vaekit.metrics.checks import BINS, checked, mean_of, varying
from vaekit.metrics.factors.mig import Binning, cut_into_bins, entropies, information, plug_in
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score, scored


def jemmig(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    bins: int = BINS,
    binning: Binning = "width",
    *,
    shuffles: int = 5,
    seed: int = 0,
) -> Score:
    """Score what the best latent of each factor lacks and holds besides, in nats, 0 at best.

    Takes codes (N, H) and factors (N, K); the mean over factors lies in [0, mean H(v_k) + ln bins].
    `parts["normalised"]` is that in [0, 1], 1 at best. Other `parts`: `by_factor` (K,), JEMMIG_k;
    `mutual_information` (H, K), `entropy` (K,) of factors and `spread` (H,) of codes, all in nats;
    `latent` (K,), i*; and `constant`, the factors left out. Raises `VaekitError` as `mig` does.
    """
    values, levels = checked(codes, factors)
    binned = cut_into_bins(values, bins, binning)
    spread = entropies(binned.T)

    def measure(levels: np.ndarray) -> dict[str, Any]:
        known, total = information(binned, levels), entropies(levels)
        # Of latents that tell alike, up to rounding, the one that holds least besides.
        best = np.array([np.lexsort((-spread, each.round(12)))[-1] for each in known.T])
        first = np.take_along_axis(known, best[None], axis=0)[0]
        second = np.sort(known, axis=0)[-2] if len(known) > 1 else 0.0
        each = np.maximum(spread[best] + total - 2 * first + second, 0.0)
        return {
            "jemmig": mean_of(each, varying(levels)),
            "normalised": mean_of(1 - each / (total + np.log(bins)), varying(levels)),
            "by_factor": each,
            "mutual_information": known,
            "entropy": total,
            "spread": spread,
            "latent": best,
        }

    settings = plug_in(len(values), bins, binning)
    return scored(measure, levels, ("jemmig", "normalised"), settings, shuffles, seed)


@metric(
    "jemmig",
    Row(
        "jemmig",
        "is each factor one latent alone, and the latent that factor alone?",
        "nats",
        "lower",
        title="JEMMIG",
        ideal="0",
        chance="H(v) + ln bins at most",
        mind="a constant code has H(v)",
    ),
    Row(
        "jemmig_normalised",
        "… as a share?",
        title="normalised JEMMIG",
        part="normalised",
        chance="0 and more",
        mind="a constant code has .7: read it beside the MIG",
    ),
)
def _jemmig(subject: Subject) -> Score:
    return jemmig(subject.mean, subject.levels, subject.bins, seed=subject.seed)

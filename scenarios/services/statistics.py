"""The statistics of results: pure functions of counts and sums (semantics §50).

Intervals of proportions are Wilson's, of their difference Newcombe's (1998, method 10: score without correction).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, log, sqrt
from random import Random
from statistics import NormalDist, fmean

Z95 = NormalDist().inv_cdf(0.975)
# So many draws of the bootstrap; its interval is steady to a few percents of its width.
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the bounds of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def covers_zero(self) -> bool:
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Arm:
    """Of `clients` assigned, so many `converted`."""

    converted: int
    clients: int

    @property
    def share(self) -> float:
        return self.converted / self.clients if self.clients else 0.0


def wilson(arm: Arm, z: float = Z95) -> Interval:
    """The score interval of a proportion. Of nobody nothing is known: 0 to 1."""
    if not arm.clients:
        return Interval(0.0, 0.0, 1.0)
    n, p = arm.clients, arm.share
    centre = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return Interval(p, max(0.0, (centre - half) / whole), min(1.0, (centre + half) / whole))


def difference(one: Arm, other: Arm, z: float = Z95) -> Interval:
    """p(one) − p(other) with the Newcombe–Wilson interval."""
    a, b = wilson(one, z), wilson(other, z)
    value = a.value - b.value
    return Interval(
        value,
        value - sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2),
        value + sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2),
    )


def relative(one: Arm, other: Arm, z: float = Z95) -> Interval | None:
    """p(one) / p(other) − 1 with the interval of the log ratio; None where an arm has no conversions."""
    if not one.converted or not other.converted:
        return None
    ratio = log(one.share / other.share)
    # Everybody converted in both arms: the variance is 0, but for what rounding leaves below it.
    spread = z * sqrt(max(0.0, 1 / one.converted - 1 / one.clients + 1 / other.converted - 1 / other.clients))
    return Interval(exp(ratio) - 1, exp(ratio - spread) - 1, exp(ratio + spread) - 1)


def needed(share: float, effect: float) -> int | None:
    """Clients in each arm that show such an effect (80 % power): 16·p(1−p)/δ². None where there is no effect."""
    if not effect or not 0 < share < 1:
        return None
    return ceil(round(16 * share * (1 - share) / effect**2, 6))


def certainty(one: Arm, other: Arm) -> float:
    """How sure (0 to 1) it is that `one` beats `other`: a one-sided two-proportion z-test with pooled variance."""
    if not one.clients or not other.clients:
        return 0.0
    pooled = (one.converted + other.converted) / (one.clients + other.clients)
    deviation = sqrt(pooled * (1 - pooled) * (1 / one.clients + 1 / other.clients))
    return NormalDist().cdf((one.share - other.share) / deviation) if deviation else 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """What each client of an arm brought: the mean over all `clients`, and the values of a random sample of them."""

    clients: int
    mean: float
    values: Sequence[float]


def bootstrap(one: Sample, other: Sample, seed: int, resamples: int = RESAMPLES) -> Interval | None:
    """The difference of means with the percentile interval of the bootstrap; None where an arm is empty.

    Of a large arm only a sample of m is drawn from, and the deviations shrink by √(m/n) (m out of n): the cost is
    bounded whatever n. The same seed gives the same interval.
    """
    if not one.values or not other.values:
        return None
    random = Random(seed)  # noqa: S311 (statistics, not a secret)
    value = one.mean - other.mean
    drawn = sorted(_deviation(one, random) - _deviation(other, random) for _ in range(resamples))
    at = round(resamples * 0.025)
    return Interval(value, value + drawn[at], value + drawn[-at - 1])


def _deviation(sample: Sample, random: Random) -> float:
    m = len(sample.values)
    return (fmean(random.choices(sample.values, k=m)) - fmean(sample.values)) * sqrt(m / max(m, sample.clients))

"""What a threshold is, said in words: the rule that gave it, the samples behind it, and any fallback."""

from collections.abc import Mapping
from typing import Any

from remots.report.figures import POPULATIONS, Kind, describe_rule
from remots.statistics.histograms import SimilarityHistogram
from remots.statistics.thresholds import Threshold


def describe_threshold(
    kind: Kind, histograms: Mapping[str, SimilarityHistogram], threshold: Threshold
) -> dict[str, Any]:
    """Say what a threshold is.

    Parameters
    ----------
    kind : {"short", "merge"}
    histograms : mapping of str to SimilarityHistogram
        By population.
    threshold : Threshold

    Returns
    -------
    dict
        ``value``; ``rule``; ``fallback``, None where the rule held; ``samples``, a line each; ``meaning``, what happens
        below it.
    """
    samples = [
        _describe_pairs(histograms[name], words) for name, words in POPULATIONS[kind].items() if name in histograms
    ]
    n_candidates, n_shared = (threshold.statistics.get(name) for name in ("candidate_n", "shared_frame_n"))
    if n_candidates is not None:
        samples.append(f"{n_candidates:,} pairs of short tracklets that may be merged")
    if n_shared is not None:
        samples.append(f"{n_shared:,} pairs of short tracklets that share a frame, so of different people")
    if threshold.windows:
        values = [value for _, value in threshold.windows]
        samples.append(
            f"{len(values)} windows of time with values of their own, {min(values):.3f} to {max(values):.3f}"
        )
    meanings = {
        "short": "Masks of adjacent frames that are less similar are never linked.",
        "merge": "Short tracklets with less evidence of being one person are kept apart.",
    }
    return {
        "value": threshold.value,
        "rule": describe_rule(threshold),
        "fallback": threshold.fallback,
        "samples": samples,
        "meaning": meanings[kind],
    }


def _describe_pairs(histogram: SimilarityHistogram, words: str) -> str:
    if not histogram.n:
        return f"no pair of {words}"
    pairs = "1 pair" if histogram.n == 1 else f"{histogram.n:,} pairs"
    return f"{pairs} of {words}, mean {histogram.mean:.3f}, standard deviation {histogram.std:.3f}"

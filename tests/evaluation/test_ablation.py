import numpy as np
import pytest

from remots.evaluation.ablation import SHOWN, Variant, ablation_as_markdown, average, tabulate_ablation
from remots.evaluation.metrics import LabelledMasks, evaluate_sequence, summarise


@pytest.fixture
def raw_by_quality(two_people):
    """Raw results of one scene: found and named well, with ids that swap, with b lost, with everybody lost."""

    def evaluate(ids_of_frame, letters="ab"):
        frames = [frame for frame in two_people if "a" in frame]
        truth = [LabelledMasks([1, 2], [2, 2], [frame["a"], frame["b"]]) for frame in frames]
        found = [
            LabelledMasks(ids_of_frame(n)[: len(letters)], [2] * len(letters), [frame[letter] for letter in letters])
            for n, frame in enumerate(frames)
        ]
        return evaluate_sequence((n, *pair) for n, pair in enumerate(zip(truth, found, strict=True), start=1))

    return {
        "good": evaluate(lambda n: [1, 2]),
        "swapping": evaluate(lambda n: [1, 2] if n % 2 else [2, 1]),
        "half": evaluate(lambda n: [1], "a"),
    }


def of(raw, **sequences):
    return {name: raw[quality] for name, quality in sequences.items()}


def test_each_row_is_the_sequence_s_own_metrics_and_their_differences_to_the_default(raw_by_quality):
    default = of(raw_by_quality, street="half", square="good")
    other = of(raw_by_quality, street="good", square="swapping")
    table = tabulate_ablation(default, [Variant("flow", "fast", [default], True), Variant("flow", "slow", [other])])
    assert list(table["variant"]) == ["fast", "fast", "slow", "slow"]
    assert list(table["sequence"]) == ["street", "square"] * 2
    for row in table.to_dict("records"):
        own = summarise((default if row["is_default"] else other)[row["sequence"]])
        usual = summarise(default[row["sequence"]])
        for metric in SHOWN:
            assert row[metric] == own[metric]
            assert row[f"{metric}_difference"] == own[metric] - usual[metric]
    assert (table.loc[table["is_default"], [f"{metric}_difference" for metric in SHOWN]] == 0).all(axis=None)


def test_a_group_without_the_default_gets_it_as_its_first_row(raw_by_quality):
    default, other = of(raw_by_quality, street="good"), of(raw_by_quality, street="half")
    table = tabulate_ablation(
        default, [Variant("a", "x", [other]), Variant("b", "y", [other]), Variant("b", "z", [default], True)]
    )
    rows = [tuple(row) for row in table[["group", "variant", "is_default"]].to_numpy()]
    assert rows == [("a", "default", True), ("a", "x", False), ("b", "y", False), ("b", "z", True)]


def test_of_several_runs_the_best_counts_for_each_sequence_and_never_wins(raw_by_quality):
    default = of(raw_by_quality, street="half", square="half")
    runs = [
        of(raw_by_quality, street="good", square="swapping"),
        of(raw_by_quality, street="swapping", square="good"),
    ]
    table = tabulate_ablation(default, [Variant("theta", "rule", [default], True), Variant("theta", "oracle", runs)])
    means = average(table)
    assert list(means["IDF1"])[1] == 100
    assert list(means["n_runs"]) == [1, 2]
    assert list(means["wins"]) == [True, False]
    assert "oracle (best of 2, chosen with the truth)" in ablation_as_markdown(means)


def test_means_are_over_the_sequences_and_the_winner_is_of_its_group(raw_by_quality):
    default = of(raw_by_quality, street="half", square="good")
    better = of(raw_by_quality, street="good", square="good")
    worse = of(raw_by_quality, street="half", square="swapping")
    variants = [
        Variant("a", "usual", [default], True),
        Variant("a", "better", [better]),
        Variant("b", "worse", [worse]),
    ]
    table = tabulate_ablation(default, variants)
    means = average(table).set_index(["group", "variant"])
    for (group, variant), rows in table.groupby(["group", "variant"]):
        for metric in SHOWN:
            assert means.loc[(group, variant), metric] == pytest.approx(np.mean(rows[metric]))
    assert dict(means["wins"]) == {
        ("a", "usual"): False,
        ("a", "better"): True,
        ("b", "default"): True,
        ("b", "worse"): False,
    }


def test_variants_that_are_equally_good_both_win(raw_by_quality):
    default = of(raw_by_quality, street="good")
    means = average(
        tabulate_ablation(default, [Variant("a", "x", [default], True), Variant("a", "y", [dict(default)])])
    )
    assert list(means["wins"]) == [True, True]


def test_markdown_has_a_line_a_variant_with_its_differences_and_bold_winners(raw_by_quality):
    default, other = of(raw_by_quality, street="half"), of(raw_by_quality, street="good")
    variants = [Variant("flow", "fast", [default], True), Variant("flow", "slow", [other])]
    lines = ablation_as_markdown(average(tabulate_ablation(default, variants))).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["group", "variant", "IDF1↑", "HOTA↑", "AssA↑", "IDS↓", "sMOTSA↑"]
    assert cells[2] == ["flow", "fast (default)", "66.7", "70.7", "100.0", "0.0", "50.0"]
    expected = ["slow", "100.0 (+33.3)", "100.0 (+29.3)", "100.0 (+0.0)", "0.0 (+0.0)", "100.0 (+50.0)"]
    assert cells[3] == ["", *(f"**{cell}**" for cell in expected)]
    assert {len(line) for line in cells} == {7}

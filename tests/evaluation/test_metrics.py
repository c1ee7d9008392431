import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.evaluation.metrics import (
    METRICS,
    LabelledMasks,
    combine,
    drop_unlabelled,
    evaluate_sequence,
    summarise,
)
from remots.masks.rle import Rle, encode

HEIGHT, WIDTH = 4, 24


def bar(left: int, width: int = 4) -> Rle:
    """A mask of `width` columns of the small frame."""
    pixels = np.zeros((HEIGHT, WIDTH), dtype=bool)
    pixels[:, left : left + width] = 1
    return encode(pixels)


def labelled(*rows: tuple[int, Rle], class_id: int = 2) -> LabelledMasks:
    return LabelledMasks([i for i, _ in rows], [class_id] * len(rows), [mask for _, mask in rows])


def score(truths: Sequence[LabelledMasks], results: Sequence[LabelledMasks], **options) -> dict:
    frames = [(number, *pair) for number, pair in enumerate(zip(truths, results, strict=True), start=1)]
    return summarise(evaluate_sequence(frames, **options))


def from_scene(scene: list[dict[str, Rle]], ids: Sequence[dict[str, int]]) -> list[LabelledMasks]:
    return [
        labelled(*((by_letter[letter], mask) for letter, mask in frame.items() if letter in by_letter))
        for frame, by_letter in zip(scene, ids, strict=True)
    ]


def test_the_truth_itself_scores_one_hundred_percent(two_people):
    truth = from_scene(two_people, [{"a": 1, "b": 2}] * 5)
    found = score(truth, truth)
    assert list(found) == [metric.name for metric in METRICS]
    assert found == {m.name: 100 if m.is_ratio else {"MT": 2}.get(m.name, 0) for m in METRICS}


def test_two_ids_that_swap_while_one_person_is_hidden_count_by_hand(two_people):
    # a is seen in frames 1, 2, 4, 5 and b in all five: nine true masks. From frame 4 on the tracker has swapped them.
    truth = from_scene(two_people, [{"a": 1, "b": 2}] * 5)
    swapped = from_scene(two_people, [{"a": 7, "b": 8}] * 3 + [{"a": 8, "b": 7}] * 2)
    found = score(truth, swapped)
    # Person a keeps 2 of 4 masks under either track, b 3 of 5 under track 8: the best pairing keeps 2 + 3 of 9.
    assert found["IDF1"] == pytest.approx(100 * 5 / 9)
    assert found["IDS"] == 2
    assert found["MOTSA"] == pytest.approx(100 * (9 - 2) / 9)
    assert found["sMOTSA"] == pytest.approx(100 * (9 - 2) / 9)
    assert found["MODSA"] == 100
    assert found["DetA"] == 100
    # Track 7 has a, a, b, b; track 8 has b, b, b, a, a. AssA: for each match shared / (true + track - shared).
    shared = [(2, 4, 4), (2, 4, 5), (2, 5, 4), (3, 5, 5)]
    assa = sum(n * n / (n_true + n_track - n) for n, n_true, n_track in shared) / 9
    assert found["AssA"] == pytest.approx(100 * assa)
    assert found["HOTA"] == pytest.approx(100 * np.sqrt(assa))


def test_a_mask_that_is_three_quarters_right_counts_by_its_iou():
    truth, result = labelled((1, bar(0, 4))), labelled((5, bar(0, 3)))
    found = score([truth], [result])
    assert (found["MOTSA"], found["MOTSP"], found["sMOTSA"]) == (100, 75, 75)
    # Of the 19 thresholds 0.05 … 0.95 the fifteen up to 0.75 accept it.
    assert found["HOTA"] == pytest.approx(100 * 15 / 19)


def test_a_false_mask_and_a_missed_person_count_by_hand():
    truth = labelled((1, bar(0)), (2, bar(6)))
    result = labelled((1, bar(0)), (3, bar(14)))
    found = score([truth] * 4, [result] * 4)
    assert (found["MOTSA"], found["MODSA"], found["sMOTSA"]) == (0, 0, 0)  # (4 - 4 - 0) / 8
    assert (found["MT"], found["ML"], found["MOTSP"]) == (1, 1, 100)
    assert found["IDF1"] == 50  # 4 / (4 + 0.5 * 4 + 0.5 * 4)
    assert found["DetA"] == pytest.approx(100 / 3)


def test_no_result_gives_zeros_and_all_people_lost():
    truth = labelled((1, bar(0)), (2, bar(6)))
    found = score([truth] * 3, [labelled()] * 3)
    assert found["ML"] == 2
    assert all(value == 0 for name, value in found.items() if name != "ML")


def test_no_truth_gives_zeros():
    assert set(score([labelled()] * 3, [labelled((1, bar(0)))] * 3).values()) == {0}


def test_a_sequence_without_any_frame_gives_zeros():
    assert set(summarise(evaluate_sequence([])).values()) == {0}


def test_a_frame_without_truth_counts_its_masks_as_false():
    truth = [labelled((1, bar(0))), labelled()]
    result = [labelled((1, bar(0))), labelled((1, bar(0)))]
    assert score(truth, result)["MOTSA"] == 0


def test_a_false_mask_in_an_ignore_region_does_not_count():
    truth = LabelledMasks([1, 10000], [2, 10], [bar(0), bar(8, 8)])
    # More than half of the first false mask lies in the region; just half of the second.
    inside, half = labelled((1, bar(0)), (2, bar(9, 4))), labelled((1, bar(0)), (2, bar(6, 4)))
    assert score([truth], [inside])["MOTSA"] == 100
    assert score([truth], [half])["MOTSA"] == 0


def test_ignore_regions_may_overlap_one_another_and_share_an_id():
    truth = LabelledMasks([1, -1, -1], [2, 10, 10], [bar(0), bar(8, 8), bar(10, 8)])
    assert score([truth], [labelled((1, bar(0)))])["MOTSA"] == 100


def test_masks_of_other_classes_are_left_aside():
    truth = LabelledMasks([1, 2], [2, 1], [bar(0), bar(6)])
    result = LabelledMasks([1, 2], [2, 1], [bar(0), bar(12)])
    assert score([truth], [result])["MOTSA"] == 100
    assert score([truth], [result], class_id=1)["MOTSA"] == -100


def test_dropping_unlabelled_masks_leaves_out_only_those_without_a_true_mask():
    truth = labelled((1, bar(0, 4)))
    result = labelled((4, bar(0, 2)), (5, bar(2, 1)), (6, bar(9)))
    kept = drop_unlabelled(truth, result)
    assert list(kept.ids) == [4]  # IoU 1/2, 1/4 and 0
    assert score([truth], [result])["MOTSA"] == -100
    assert score([truth], [result], unlabelled="drop")["MOTSA"] == 100


def test_dropping_in_a_frame_without_truth_leaves_nothing():
    assert drop_unlabelled(labelled(), labelled((1, bar(0)))).masks == []
    assert drop_unlabelled(labelled((1, bar(0))), labelled()).masks == []


@pytest.mark.parametrize(
    ("truth", "result", "message"),
    [
        (labelled(), labelled((1, bar(0)), (2, bar(2))), "frame 1: masks of the result overlap"),
        (labelled((1, bar(0)), (2, bar(2))), labelled(), "frame 1: masks of the ground truth overlap"),
        (LabelledMasks([1, 9], [2, 10], [bar(0), bar(3)]), labelled(), "frame 1: masks of the ground truth overlap"),
        (labelled(), labelled((3, bar(0)), (3, bar(8))), "frame 1: the result has id 3 twice"),
        (labelled((3, bar(0)), (3, bar(8))), labelled(), "frame 1: the ground truth has id 3 twice"),
        (
            labelled((1, bar(0))),
            labelled((1, encode(np.ones((3, 5))))),
            "frame 1: .* 3 x 5 and 4 x 24",
        ),
    ],
)
def test_what_the_benchmark_refuses_is_refused_by_frame(truth, result, message):
    with pytest.raises(ValueError, match=message):
        score([truth], [result])


def test_huge_ids_cost_nothing():
    track = labelled((2_000_000_000, bar(0)))
    assert score([track], [track])["IDF1"] == 100


def test_raw_results_survive_json_exactly(two_people):
    truth = from_scene(two_people, [{"a": 1, "b": 2}] * 5)
    result = from_scene(two_people, [{"a": 7, "b": 8}] * 3 + [{"a": 8, "b": 7}] * 2)
    raw = evaluate_sequence([(n, t, r) for n, (t, r) in enumerate(zip(truth, result, strict=True), start=1)])
    assert json.loads(json.dumps(raw)) == raw


def test_combining_a_sequence_with_itself_changes_no_ratio_and_doubles_counts():
    truth = [labelled((1, bar(0)), (2, bar(6)))] * 4
    result = [labelled((1, bar(0)))] * 2 + [labelled((9, bar(0)), (2, bar(7)))] * 2
    raw = evaluate_sequence([(n, t, r) for n, (t, r) in enumerate(zip(truth, result, strict=True), start=1)])
    once, twice = summarise(raw), summarise(combine([raw, raw]))
    for metric in METRICS:
        factor = 1 if metric.is_ratio else 2
        assert twice[metric.name] == pytest.approx(factor * once[metric.name])


def test_combining_weighs_sequences_by_their_masks():
    truth = labelled((1, bar(0)))
    long = evaluate_sequence((n, truth, truth) for n in range(1, 10))
    short = evaluate_sequence([(1, truth, labelled())])
    assert summarise(combine([long, short]))["MOTSA"] == pytest.approx(90)


def test_combining_nothing_is_refused():
    with pytest.raises(ValueError, match="no sequence"):
        combine([])


@st.composite
def tracks(draw: st.DrawFn) -> tuple[list[LabelledMasks], list[LabelledMasks]]:
    """Up to five people side by side over some frames; the result misses some, and its ids are drawn freely."""
    n_frames, n_people = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    truths, results = [], []
    for _ in range(n_frames):
        seen = draw(st.lists(st.integers(0, n_people - 1), unique=True))
        found = draw(st.lists(st.integers(0, n_people - 1), unique=True))
        names = draw(st.permutations(range(n_people)))
        truths.append(labelled(*((person + 1, bar(4 * person)) for person in seen)))
        results.append(labelled(*((names[i] + 1, bar(4 * person, 3)) for i, person in enumerate(found))))
    return truths, results


@settings(deadline=None, max_examples=40)
@given(pair=tracks(), shift=st.integers(1, 1000))
def test_names_of_tracks_and_the_order_of_masks_do_not_matter(pair, shift):
    truths, results = pair
    renamed = [
        LabelledMasks([shift + i for i in frame.ids][::-1], frame.class_ids, list(frame.masks)[::-1])
        for frame in results
    ]
    before, after = score(truths, results), score(truths, renamed)
    for name in ("MODSA", "MOTSP", "MT", "ML", "DetA", "IDF1"):
        assert after[name] == pytest.approx(before[name])


@settings(deadline=None, max_examples=40)
@given(pair=tracks())
def test_metrics_stay_in_their_ranges(pair):
    found = score(*pair)
    for name in ("IDF1", "MOTSP", "HOTA", "DetA", "AssA"):
        assert 0 <= found[name] <= 100
    assert found["sMOTSA"] <= found["MOTSA"] <= found["MODSA"] <= 100
    assert found["MT"] >= 0
    assert found["ML"] >= 0

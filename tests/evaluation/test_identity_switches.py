import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.evaluation.identity_switches import IdentitySwitch, find_identity_switches
from remots.evaluation.metrics import evaluate_sequence, match_frames, summarise
from tests.evaluation.test_metrics import bar, from_scene, labelled


def as_frames(truths, results):
    return [(number, *pair) for number, pair in enumerate(zip(truths, results, strict=True), start=1)]


def test_two_ids_that_swap_while_one_person_is_hidden_are_two_switches(two_people):
    truth = from_scene(two_people, [{"a": 1, "b": 2}] * 5)
    swapped = from_scene(two_people, [{"a": 7, "b": 8}] * 3 + [{"a": 8, "b": 7}] * 2)
    found = find_identity_switches(match_frames(as_frames(truth, swapped)))
    # a is hidden in the third frame, so was last seen in the second.
    assert sorted(found) == [IdentitySwitch(4, 1, 7, 8, 2), IdentitySwitch(4, 2, 8, 7, 3)]


def test_without_masks_nobody_switches():
    assert find_identity_switches([(1, np.zeros(0, int), np.zeros(0, int), np.zeros((0, 0)))]) == []
    assert find_identity_switches([]) == []


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from(["count", "drop"]))
def test_there_are_as_many_switches_as_the_benchmark_counts(seed, unlabelled):
    rng = np.random.default_rng(seed)
    truths, results = [], []
    for _ in range(rng.integers(1, 9)):
        places = [place for place in range(4) if rng.random() < 0.8]
        truths.append(labelled(*((place, bar(6 * place)) for place in places)))
        ids = rng.permutation(6)
        found = [(int(ids[place]) + 1, bar(6 * place + int(rng.integers(0, 3)))) for place in range(4)]
        results.append(labelled(*(row for row in found if rng.random() < 0.8)))
    frames = as_frames(truths, results)
    switches = find_identity_switches(match_frames(frames, unlabelled=unlabelled))
    assert len(switches) == summarise(evaluate_sequence(frames, unlabelled=unlabelled))["IDS"]
    assert all(switch.last_frame < switch.frame and switch.track_before != switch.track_after for switch in switches)

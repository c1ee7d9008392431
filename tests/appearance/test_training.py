import copy
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from remots.appearance.encoder import Encoder
from remots.appearance.features import embed_crops
from remots.appearance.loading import HELD_OUT
from remots.appearance.sampling import BatchSampler, InterShortTracklet, IntraFrame, TrueIdentities
from remots.appearance.training import train_encoder
from remots.appearance.training_plan import TrainingPlan, learning_rate
from remots.appearance.validation import TIE, batch_area_under_curve
from tests.appearance.drawn_people import area_under_curve, draw_people

CROPS, FRAMES, PEOPLE = draw_people(6, 10)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_encoder(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Encoder("test_resnet")


def intra(frames=FRAMES, training=(), batch_size=16):
    return BatchSampler(IntraFrame(frames), list(training), batch_size, 2, 4, 0)


def train(steps=6, encoder=None, **rest):
    encoder = encoder or make_encoder()
    plan = TrainingPlan(steps=steps, precision="float32", checkpoint_seconds=rest.pop("checkpoint_seconds", 1e9))
    log = train_encoder(encoder, rest.pop("sampler", intra()), [CROPS], plan, **rest)
    return encoder, log


def weights_of(encoder):
    return {name: tensor.clone() for name, tensor in encoder.state_dict().items()}


def assert_same(encoder, other):
    other_weights = other.state_dict()
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, other_weights[name]), name


def test_two_trainings_give_the_same_bytes():
    (one, log), (other, other_log) = train(), train()
    assert_same(one, other)
    np.testing.assert_array_equal(log, other_log)
    assert any(not torch.equal(tensor, weights_of(make_encoder())[name]) for name, tensor in weights_of(one).items())


@pytest.mark.parametrize("n_before_the_stop", [1, 3, 5])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_stopped_at_any_step_goes_on_to_the_same_bytes(n_before_the_stop, precision):
    plan = TrainingPlan(steps=6, precision=precision, checkpoint_seconds=0)
    undisturbed = make_encoder()
    log = train_encoder(undisturbed, intra(), [CROPS], plan)
    states = []

    def stop_later(state):
        states.append(state)
        if len(states) == n_before_the_stop:
            raise RuntimeError("the machine goes down")

    with pytest.raises(RuntimeError, match="goes down"):
        train_encoder(make_encoder(), intra(), [CROPS], plan, save=stop_later)
    assert len(states[-1].log) == n_before_the_stop
    resumed = make_encoder(seed=1)  # the state brings all weights
    resumed_log = train_encoder(resumed, intra(), [CROPS], plan, state=states[-1])
    assert_same(resumed, undisturbed)
    np.testing.assert_array_equal(resumed_log, log)


class StopInside(torch.nn.Module):
    """Raises SIGTERM in the middle of a forward pass, after batch normalisation has changed its statistics."""

    def __init__(self, layer, at_call):
        super().__init__()
        self.layer, self.calls, self.at_call = layer, 0, at_call

    def forward(self, x):
        self.calls += 1
        if self.calls == self.at_call:
            signal.raise_signal(signal.SIGTERM)
        return self.layer(x)


def test_a_training_told_to_stop_within_a_step_saves_at_once_and_goes_on_to_the_same_bytes():
    undisturbed, log = train()
    interrupted = make_encoder()
    last_stage = interrupted.backbone.layer4
    interrupted.backbone.layer4 = StopInside(
        last_stage, at_call=6
    )  # the first call adapts batch normalisation, the second sees whether batches can be split
    states = []

    def leave(_number, _frame):
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit):
            train(encoder=interrupted, save=states.append)
        assert signal.getsignal(signal.SIGTERM) is leave
    finally:
        signal.signal(signal.SIGTERM, before)
    (state,) = states
    assert len(state.log) == 3
    renamed = {
        part: {name.replace("layer4.layer.", "layer4."): tensor for name, tensor in getattr(state, part).items()}
        for part in ("weights", "first_moments", "second_moments", "best")
    }
    resumed, resumed_log = train(encoder=make_encoder(1), state=type(state)(**renamed, log=state.log))
    assert_same(resumed, undisturbed)
    np.testing.assert_array_equal(resumed_log, log)


def test_a_signal_during_the_optimiser_s_step_waits_for_its_end(monkeypatch):
    step = torch.optim.Adam.step
    calls = []

    def step_with_signal(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGTERM)  # before any weight has changed
        return step(self, *arguments, **options)

    def leave(_number, _frame):
        raise SystemExit(143)

    monkeypatch.setattr(torch.optim.Adam, "step", step_with_signal)
    before = signal.signal(signal.SIGTERM, leave)
    states = []
    try:
        with pytest.raises(SystemExit):
            train(save=states.append)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(states[0].log) == 2  # the step was finished first


def test_training_works_in_a_thread_that_gets_no_signals():
    results = []
    thread = threading.Thread(target=lambda: results.append(train(steps=2)[1]))
    thread.start()
    thread.join()
    assert len(results[0]) == 2


def test_torch_is_left_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train(steps=1)
    assert torch.equal(torch.rand(1), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_no_steps_change_nothing():
    encoder, log = train(steps=0)
    assert_same(encoder, make_encoder())
    assert log.shape == (0, 5)


def test_where_nothing_can_be_learnt_the_encoder_stays_and_a_warning_says_so(caplog):
    encoder, log = train(sampler=intra(frames=np.arange(len(FRAMES))))
    assert_same(encoder, make_encoder())
    assert len(log) == 0
    assert "the encoder stays as it is" in caplog.text


def test_crops_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match=r"one size; they have \[\(32, 16, 4\), \(64, 32, 4\)\]"):
        train_encoder(make_encoder(), intra(), [CROPS, np.zeros((2, 64, 32, 4), np.uint8)], TrainingPlan(steps=1))


def test_a_loss_that_is_not_finite_is_an_error_that_names_the_step():
    encoder = make_encoder()
    with torch.no_grad():
        next(encoder.backbone.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="the loss is nan in step 0; take a lower learning rate"):
        train(encoder=encoder)


def test_crops_of_training_sequences_come_from_their_own_store():
    rows_read = set()

    class TrainingCrops:
        shape = (4, 32, 16, 4)

        def __getitem__(self, rows):
            rows_read.update(rows.tolist())
            return CROPS[rows]

    sampler = intra(training=[TrueIdentities([0, 0, 1, 1])])
    train_encoder(make_encoder(), sampler, [CROPS, TrainingCrops()], TrainingPlan(steps=2))
    assert rows_read == {0, 1, 2, 3}


def test_the_learning_rate_warms_up_and_falls_at_40_and_70_of_120_parts():
    plan = TrainingPlan(steps=120, learning_rate=1.0, warmup_fraction=10 / 120)
    rates = [learning_rate(step, plan) for step in range(120)]
    assert rates[0] == pytest.approx(0.01 + 0.99 / 10)
    assert rates[9:40] == pytest.approx([1.0] * 31)
    assert rates[40:70] == pytest.approx([0.1] * 30)
    assert rates[70:] == pytest.approx([0.01] * 50)
    cosine = TrainingPlan(steps=120, learning_rate=1.0, warmup_fraction=0, decay="cosine")
    assert learning_rate(0, cosine) == 1.0
    assert learning_rate(60, cosine) == pytest.approx(0.5)
    assert learning_rate(119, cosine) < 0.001


@pytest.mark.parametrize("stage", ["intra", "inter"])
def test_training_on_the_video_alone_tells_its_people_apart_better(stage):
    crops, frames, people = draw_people(8, 24)
    encoder = make_encoder()
    before = area_under_curve(np.concatenate(list(embed_crops(encoder, crops, precision="float32"))), people)
    short_tracklets = people * 3 + (frames - 1) // 8  # each person's frames, cut into three
    target = IntraFrame(frames) if stage == "intra" else InterShortTracklet(frames, short_tracklets)
    plan = TrainingPlan(steps=120, learning_rate=1e-3, precision="float32", decay="cosine")
    log = train_encoder(encoder, BatchSampler(target, [], 32, 2, 8, 0), [crops], plan)
    after = area_under_curve(np.concatenate(list(embed_crops(encoder, crops, precision="float32"))), people)
    assert log[-20:, 1].mean() < log[:20, 1].mean()
    assert after > before + (0.05 if stage == "intra" else 0.1), (before, after)


def held_out_sampler(frames=FRAMES):
    return BatchSampler(InterShortTracklet(frames, PEOPLE), [], 24, 4, 6, 0)


def settle(patience=2, steps=60, learning_rate=1e-3, **rest):
    encoder = make_encoder()
    plan = TrainingPlan(
        steps=steps,
        learning_rate=learning_rate,
        precision="float32",
        evaluate_every=3,
        patience=patience,
        checkpoint_seconds=rest.pop("checkpoint_seconds", 1e9),
    )
    log = train_encoder(encoder, intra(), [CROPS], plan, held_out=held_out_sampler(), **rest)
    return encoder, log


def test_a_training_ends_when_the_held_out_part_stops_improving():
    _, log = settle(patience=2)
    aucs = log[np.isfinite(log[:, 4]), 4]
    assert 6 <= len(log) < 60
    assert len(log) == 3 * len(aucs)  # evaluated every third step, and stopped after an evaluation
    assert aucs[-2:].max() < max(aucs[:-2].max(initial=0), 1) + 0.001
    assert len(settle(patience=0, steps=9)[1]) == 9


def test_the_encoder_ends_with_the_weights_of_the_last_evaluation_that_is_as_good_as_the_best():
    encoder, log = settle(patience=3)
    aucs = log[np.isfinite(log[:, 4]), 4]
    before = np.maximum.accumulate(aucs)
    kept = [number for number in range(1, len(aucs)) if aucs[number] > before[number - 1] - TIE][-1]
    assert kept < len(aucs) - 1  # or the test says nothing
    batch = held_out_sampler().draw(HELD_OUT)
    features = np.concatenate(list(embed_crops(encoder, CROPS[batch.rows], precision="float32")))
    assert batch_area_under_curve(features, batch) == pytest.approx(aucs[kept], abs=1e-6)


def test_a_training_that_only_harms_leaves_the_encoder_as_it_was():
    encoder = make_encoder()
    sampler = BatchSampler(InterShortTracklet(FRAMES, PEOPLE), [], 24, 4, 6, 0)
    train_encoder(encoder, sampler, [CROPS], TrainingPlan(steps=40, learning_rate=1e-3, precision="float32"))
    start = copy.deepcopy(encoder)
    plan = TrainingPlan(
        steps=12, learning_rate=0.05, warmup_fraction=0, precision="float32", evaluate_every=3, batch_norm="frozen"
    )
    log = train_encoder(encoder, intra(), [CROPS], plan, held_out=held_out_sampler())
    assert np.nanmax(log[:, 4]) < 0.8
    assert_same(encoder, start)


@pytest.mark.parametrize("n_before_the_stop", [2, 4, 9])
def test_a_training_with_every_part_goes_on_to_the_same_bytes(n_before_the_stop):
    plan = TrainingPlan(
        steps=12,
        learning_rate=1e-3,
        precision="float32",
        checkpoint_seconds=0,
        evaluate_every=2,
        patience=3,
        triplet="soft",
        neck="behind_triplet",
        strong_occlude_chance=0.5,
        identity_weight=1.0,
        centre_weight=0.0005,
    )
    sampler = intra(training=[TrueIdentities(PEOPLE)])

    def train_parts(encoder, **rest):
        return train_encoder(encoder, sampler, [CROPS, CROPS], plan, held_out=held_out_sampler(), **rest)

    undisturbed = make_encoder()
    log = train_parts(undisturbed)
    states = []

    def stop_later(state):
        states.append(state)
        if len(state.log) == n_before_the_stop:
            raise RuntimeError("the machine goes down")

    if n_before_the_stop < len(log):
        with pytest.raises(RuntimeError, match="goes down"):
            train_parts(make_encoder(), save=stop_later)
        resumed = make_encoder(seed=1)
        resumed_log = train_parts(resumed, state=states[-1])
        assert_same(resumed, undisturbed)
        np.testing.assert_array_equal(resumed_log, log)


def test_what_had_settled_when_it_was_stopped_does_no_further_step():
    states = []
    _, log = settle(patience=2, checkpoint_seconds=0, save=states.append)
    last = states[-1]
    again = train_encoder(
        make_encoder(1),
        intra(),
        [CROPS],
        TrainingPlan(steps=60, learning_rate=1e-3, precision="float32", evaluate_every=3, patience=2),
        state=type(last)(last.weights, last.first_moments, last.second_moments, last.best, log, last.first_auc),
        held_out=held_out_sampler(),
    )
    np.testing.assert_array_equal(again, log)


def statistics_of(encoder):
    return {name: value.clone() for name, value in encoder.backbone.state_dict().items() if "running" in name}


@pytest.mark.parametrize(
    ("batch_norm", "weights", "changes"),
    [
        ("frozen", "random 0", False),
        ("auto", "weights.pth", False),
        ("auto", "random 0", True),
        ("video", "weights.pth", True),
        ("batch", "weights.pth", True),
    ],
)
def test_the_statistics_of_batch_normalisation_are_kept_adapted_or_trained(batch_norm, weights, changes):
    encoder = make_encoder()
    encoder.description = replace(encoder.description, weights=weights)
    before = statistics_of(encoder)
    train_encoder(encoder, intra(), [CROPS], TrainingPlan(steps=2, precision="float32", batch_norm=batch_norm))
    after = statistics_of(encoder)
    assert any(not torch.equal(before[name], after[name]) for name in before) == changes


def test_adapted_statistics_stay_as_they_are_from_then_on():
    few, many = make_encoder(), make_encoder()
    for encoder, steps in ((few, 1), (many, 4)):
        train_encoder(encoder, intra(), [CROPS], TrainingPlan(steps=steps, precision="float32", batch_norm="video"))
    few, many = statistics_of(few), statistics_of(many)
    assert all(torch.equal(few[name], many[name]) for name in few)


@pytest.mark.parametrize("neck", ["behind_triplet", "before_triplet"])
def test_a_neck_standardises_the_features_of_the_video(neck):
    encoder = make_encoder()
    plan = TrainingPlan(steps=3, learning_rate=1e-9, precision="float32", neck=neck, weight_decay=0, warmup_fraction=0)
    train_encoder(encoder, intra(), [CROPS], plan)
    with torch.no_grad():
        raw = encoder.eval().features_before_neck(torch.from_numpy(CROPS))
        features = encoder(torch.from_numpy(CROPS))
    deviations = [values.mean(dim=0) / values.std(dim=0) for values in (raw, features)]
    assert deviations[0].abs().mean() > 0.7  # far from zero, as behind a ReLU
    assert deviations[1].abs().mean() < 0.2
    assert (encoder.neck.bias == 0).all()
    again = train_encoder(encoder, intra(), [CROPS], TrainingPlan(steps=1, precision="float32"))
    assert len(again) == 1
    assert encoder.neck is not None  # it stays for good


def test_identity_losses_are_only_of_training_sequences():
    sampler = intra(training=[TrueIdentities(PEOPLE)])
    logs = [
        train_encoder(
            make_encoder(),
            sampler,
            [CROPS, CROPS],
            TrainingPlan(steps=2, precision="float32", identity_weight=weight, centre_weight=0),
        )
        for weight in (0.0, 1.0)
    ]
    assert logs[1][0, 1] == pytest.approx(logs[0][0, 1] + np.log(6), abs=0.05)  # six people, nothing learnt yet
    for weight in (0.0, 1.0):
        log = train(sampler=intra(), steps=2)[1]
        plan = TrainingPlan(steps=2, precision="float32", identity_weight=weight)
        np.testing.assert_array_equal(train_encoder(make_encoder(), intra(), [CROPS], plan), log)

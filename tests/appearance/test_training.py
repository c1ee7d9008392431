import signal
import threading

import numpy as np
import pytest
import torch

from remots.appearance.encoder import Encoder
from remots.appearance.features import embed_crops
from remots.appearance.sampling import BatchSampler, InterShortTracklet, IntraFrame, TrueIdentities
from remots.appearance.training import TrainingPlan, learning_rate, train_encoder
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
    interrupted.backbone.layer4 = StopInside(last_stage, at_call=4)
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
        for part in ("weights", "first_moments", "second_moments")
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
    assert log.shape == (0, 4)


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

import numpy as np
import pytest
import torch

from remots.appearance.encoder import Encoder
from remots.appearance.sampling import BatchSampler, IntraFrame
from remots.appearance.training import TrainingState
from remots.appearance.training_plan import TrainingPlan
from remots.errors import InputError
from remots.formats.files.arrays import ArrayReader
from remots.formats.results.training_files import (
    checkpoint_path,
    read_checkpoint,
    train_with_checkpoints,
    write_checkpoint,
    write_training_log,
)
from remots.formats.results.training_inputs import TrainingInputs
from tests.appearance.drawn_people import draw_people

CROPS, FRAMES, _ = draw_people(4, 6)
STATE = TrainingState(
    weights={"a": torch.rand(2, 3), "b.c": torch.tensor(4)},
    first_moments={"a": torch.rand(2, 3)},
    second_moments={"a": torch.rand(2, 3)},
    best={"a": torch.rand(2, 3)},
    log=np.random.default_rng(0).random((5, 5)),
    first_auc=0.75,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    write_checkpoint(tmp_path / "c.safetensors", STATE, "digest")
    state = read_checkpoint(tmp_path / "c.safetensors", "digest")
    for part in ("weights", "first_moments", "second_moments", "best"):
        assert getattr(state, part).keys() == getattr(STATE, part).keys()
        for name, tensor in getattr(state, part).items():
            assert torch.equal(tensor, getattr(STATE, part)[name])
    np.testing.assert_array_equal(state.log, STATE.log)
    assert state.first_auc == STATE.first_auc


def test_a_checkpoint_of_another_training_or_a_broken_one_does_not_count(tmp_path, caplog):
    path = tmp_path / "c.safetensors"
    assert read_checkpoint(path, "digest") is None
    write_checkpoint(path, STATE, "other")
    assert read_checkpoint(path, "digest") is None
    path.write_bytes(path.read_bytes()[:50])
    assert read_checkpoint(path, "other") is None
    assert "the training starts anew" in caplog.text


def test_the_checkpoint_is_hidden_beside_its_output():
    assert str(checkpoint_path("results/a/encoder_intra.safetensors")) == (
        "results/a/.encoder_intra.checkpoint.safetensors"
    )


def test_the_log_is_csv_with_a_row_a_step(tmp_path):
    write_training_log(tmp_path / "log.csv", np.array([[0, 0.5, 1e-5, 0.75, np.nan], [1, 0.25, 3.5e-4, 0.5, 0.9]]))
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "step,loss,learning_rate,active_share,auc",
        "0,0.5,1e-05,0.7500,",
        "1,0.25,0.00035,0.5000,0.9000",
    ]


def start(tmp_path, stop_after=None, crops=CROPS, seed=0, **plan):
    """Train into tmp_path, and give up after some steps by the signal that a checkpoint follows at once."""
    np.save(tmp_path / "crops.npy", crops)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = Encoder("test_resnet")
    is_held_out = FRAMES.max() == FRAMES
    target, held_out = IntraFrame(FRAMES, is_held_out), IntraFrame(FRAMES, ~is_held_out)
    store = ArrayReader(tmp_path / "crops.npy", (None, None, 4), np.uint8)
    inputs = TrainingInputs([store], target, [], [FRAMES], held_out)
    draw = BatchSampler.draw

    class Stopping(BatchSampler):
        def draw(self, step):
            if step == stop_after:
                raise KeyboardInterrupt
            return draw(self, step)

    sampler = Stopping(target, [], 16, 2, 4, 0)
    settings = TrainingPlan(steps=plan.pop("steps", 5), precision="float32", **plan)
    log = train_with_checkpoints(encoder, sampler, inputs, settings, tmp_path / "encoder.safetensors")
    return encoder, log


def stop_and_go_on(tmp_path, caplog, first, second):
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, stop_after=3, **first)
    caplog.clear()
    with caplog.at_level("INFO"):
        result = start(tmp_path, **second)
    return result, "goes on from" in caplog.text


def test_an_interrupted_training_goes_on_from_its_checkpoint_to_the_same_bytes(tmp_path, caplog):
    (resumed, log), went_on = stop_and_go_on(tmp_path, caplog, {}, {"checkpoint_seconds": 5.0})
    assert went_on
    (tmp_path / "undisturbed").mkdir()
    undisturbed, other_log = start(tmp_path / "undisturbed")
    for name, tensor in resumed.state_dict().items():
        assert torch.equal(tensor, undisturbed.state_dict()[name]), name
    np.testing.assert_array_equal(log, other_log)


@pytest.mark.parametrize("change", [{"steps": 6}, {"learning_rate": 1e-4}, {"seed": 1}, {"crops": 255 - CROPS}])
def test_a_training_with_other_settings_or_inputs_starts_anew(tmp_path, caplog, change):
    (_, log), went_on = stop_and_go_on(tmp_path, caplog, {}, change)
    assert not went_on
    assert len(log) == change.get("steps", 5)


def test_a_loss_that_is_not_finite_names_the_crops(tmp_path):
    with pytest.raises(InputError, match=r"crops\.npy: the loss is (nan|inf) in step \d+; take a lower learning rate"):
        start(tmp_path, learning_rate=1e30, steps=20, warmup_fraction=0.0)

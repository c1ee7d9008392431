"""`remots train`, through the command line."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from remots.cli import main
from remots.formats.results.encoder_files import read_encoder
from remots.formats.results.tables import write_table
from remots.masks.rle import encode_crop
from tests.commands.appearance_files import complaint, write_crops, write_masks, write_small_encoder

SETTINGS = ["--batch-size", "16", "--precision", "float32", "--threads", "1"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = write_crops(tmp_path_factory.mktemp("street"))
    write_crops(folder / "training", n_people=5, seed=9)
    write_small_encoder(folder / "encoder_pretrained.safetensors")
    return folder


@pytest.fixture
def folder(inputs, tmp_path):
    return shutil.copytree(inputs, tmp_path / "street")


def words(folder, stage="intra", flags=(), steps=3, **changes):
    files = {"encoder": "encoder_pretrained.safetensors", "crops": "crops.npy", "masks": "masks.parquet"}
    if stage == "inter":
        files["short-tracklets"] = "short_tracklets.parquet"
    files |= {"out": f"out/encoder_{stage}.safetensors", "log": f"out/training_{stage}.csv"}
    files |= {name.replace("_", "-"): value for name, value in changes.items()}
    places = [word for name, file in files.items() for word in (f"--{name}", str(folder / file))]
    return ["train", "--stage", stage, *places, "--steps", str(steps), *SETTINGS, *flags]


def train(folder, **rest):
    return main(words(folder, **rest))


def output(folder, stage="intra"):
    return (folder / "out" / f"encoder_{stage}.safetensors").read_bytes()


def test_both_stages_write_an_encoder_and_a_log_with_a_row_a_step(folder):
    assert train(folder) == 0
    assert train(folder, stage="inter", encoder="out/encoder_intra.safetensors") == 0
    for stage in ("intra", "inter"):
        assert read_encoder(folder / "out" / f"encoder_{stage}.safetensors").description.stage == stage
        with (folder / "out" / f"training_{stage}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [int(row["step"]) for row in rows] == [0, 1, 2]
        assert all(float(row["loss"]) > 0 for row in rows)
        assert all(0 <= float(row["active_share"]) <= 1 for row in rows)
    assert output(folder, "intra") != output(folder, "inter")
    assert len(list((folder / "out").glob("[!.]*"))) == 4
    assert [path.name for path in (folder / "out").glob(".*")] == [".provenance"]  # no checkpoint is left


def test_two_runs_give_the_same_bytes(folder):
    assert train(folder) == 0
    first = output(folder), (folder / "out" / "training_intra.csv").read_bytes()
    assert train(folder) == 0
    assert (output(folder), (folder / "out" / "training_intra.csv").read_bytes()) == first


def test_training_sequences_change_what_is_learnt(folder):
    assert train(folder) == 0
    alone = output(folder)
    training = folder / "training"
    flags = ["--training-crops", training / "crops.npy", "--training-truth", training / "truth.parquet"]
    assert train(folder, flags=map(str, flags)) == 0
    assert output(folder) != alone
    assert train(folder, flags=["--training-crops", "--training-truth"]) == 0  # a sheet without training sequences
    assert output(folder) == alone


def write_warped_iou(folder):
    """Everybody covers himself in the next frame; the four people of a frame are the masks 4 f to 4 f + 3."""
    previous = np.arange(16)
    columns = {"mask_id_prev": previous, "mask_id_curr": previous + 4, "iou": np.full(16, 0.8, np.float32)}
    write_table(folder / "warped_iou.parquet", "warped_iou", columns)
    return ["--warped-iou", str(folder / "warped_iou.parquet")]


def test_sure_links_change_what_intra_frame_training_learns_unless_copies_are_asked_for(folder):
    flags = write_warped_iou(folder)
    assert train(folder) == 0
    copies = output(folder)
    assert train(folder, flags=[*flags, "--positives", "copies"]) == 0
    assert output(folder) == copies
    assert train(folder, flags=flags) == 0
    assert output(folder) != copies


def test_a_training_ends_early_and_its_log_says_where_it_was_evaluated(folder):
    flags = [*write_warped_iou(folder), "--patience", "1", "--evaluate-every", "2", "--held-out-share", "0.4"]
    assert train(folder, flags=flags, steps=40) == 0
    with (folder / "out" / "training_intra.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert 2 <= len(rows) < 40
    assert [bool(row["auc"]) for row in rows] == [number % 2 == 1 for number in range(len(rows))]
    assert all(0 <= float(row["auc"]) <= 1 for row in rows if row["auc"])


def test_a_warped_iou_of_other_masks_is_one_line(folder, capsys):
    columns = {"mask_id_prev": [90], "mask_id_curr": [99], "iou": np.ones(1, np.float32)}
    write_table(folder / "warped_iou.parquet", "warped_iou", columns)
    exit_code = train(folder, flags=["--warped-iou", str(folder / "warped_iou.parquet")])
    assert "names mask 99, but there are 20 masks" in complaint(capsys, "train", exit_code)


def test_no_steps_copy_the_weights(folder):
    assert train(folder, steps=0) == 0
    before = read_encoder(folder / "encoder_pretrained.safetensors").state_dict()
    after = read_encoder(folder / "out" / "encoder_intra.safetensors").state_dict()
    assert all(np.array_equal(tensor, after[name]) for name, tensor in before.items())


@pytest.mark.parametrize("n_masks", [0, 1, 5])
def test_a_video_without_two_masks_in_a_frame_keeps_the_encoder_and_warns(folder, capsys, n_masks):
    frames = list(range(1, n_masks + 1))
    write_masks(folder / "masks.parquet", frames, [encode_crop(np.ones((2, 2)), 0, 0, (48, 64))] * n_masks)
    np.save(folder / "crops.npy", np.load(folder / "crops.npy")[:n_masks])
    assert train(folder) == 0
    assert "the encoder stays as it is" in capsys.readouterr().err
    assert (folder / "out" / "training_intra.csv").read_text() == "step,loss,learning_rate,active_share,auc\n"


def wait_for_checkpoint(folder):
    checkpoint = folder / "out" / ".encoder_intra.checkpoint.safetensors"
    deadline = time.monotonic() + 300
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.005)


def send_sigterm_at_first_checkpoint(folder, arguments):
    def send():
        wait_for_checkpoint(folder)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
    finally:
        sender.join()
        signal.signal(signal.SIGTERM, before)
    assert stop.value.code == 128 + signal.SIGTERM


def send_sigkill_at_first_checkpoint(folder, arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "remots", *arguments],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    wait_for_checkpoint(folder)
    process.kill()
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    "kill",
    [send_sigterm_at_first_checkpoint, pytest.param(send_sigkill_at_first_checkpoint, marks=pytest.mark.slow)],
)
def test_a_killed_training_goes_on_to_the_bytes_of_an_undisturbed_one(folder, capsys, kill):
    steps = 40
    assert train(folder, steps=steps) == 0
    undisturbed = output(folder), (folder / "out" / "training_intra.csv").read_bytes()
    shutil.rmtree(folder / "out")
    kill(folder, words(folder, steps=steps, flags=["--checkpoint-seconds", "0"]))
    assert not (folder / "out" / "encoder_intra.safetensors").exists()
    capsys.readouterr()
    assert train(folder, steps=steps) == 0
    assert "goes on from" in capsys.readouterr().err
    assert (output(folder), (folder / "out" / "training_intra.csv").read_bytes()) == undisturbed
    left = {path.name for path in (folder / "out").iterdir()}
    assert left == {"encoder_intra.safetensors", "training_intra.csv", ".provenance"}


def nothing_is_left(folder):
    return not (folder / "out").exists() or not list((folder / "out").iterdir())


def test_stage_inter_cannot_do_without_short_tracklets(folder, capsys):
    exit_code = main([*words(folder), "--stage", "inter"])
    assert "--short-tracklets belongs to --stage inter" in complaint(capsys, "train", exit_code)
    assert nothing_is_left(folder)


def test_crops_and_masks_of_different_numbers_are_refused(folder, capsys):
    np.save(folder / "crops.npy", np.load(folder / "crops.npy")[:-1])
    line = complaint(capsys, "train", train(folder))
    assert "crops.npy: 19 crops of 20 masks in" in line
    assert "run `remots crop` again" in line
    assert nothing_is_left(folder)


def test_training_crops_without_their_truth_are_refused(folder, capsys):
    exit_code = train(folder, flags=["--training-crops", str(folder / "crops.npy")])
    line = complaint(capsys, "train", exit_code)
    assert "--training-crops names 1 files, --training-truth 0" in line


def test_training_crops_of_another_size_are_refused(folder, capsys):
    crops = folder / "training" / "crops.npy"
    np.save(crops, np.zeros((25, 64, 32, 4), np.uint8))
    flags = ["--training-crops", crops, "--training-truth", folder / "training" / "truth.parquet"]
    line = complaint(capsys, "train", train(folder, flags=map(str, flags)))
    assert "crops of 64x32 px (height x width), but" in line
    assert "cut all at one size" in line


@pytest.mark.parametrize(
    ("mask_ids", "message"), [([0, 99], "mask_id up to 99, but there are 20 masks"), ([0, 1], "two masks in frame 1")]
)
def test_tracklets_of_other_masks_are_refused(folder, capsys, mask_ids, message):
    columns = {"mask_id": mask_ids, "frame": [1, 1], "tracklet_id": [3, 3]}
    write_table(folder / "short_tracklets.parquet", "short_tracklets", columns)
    line = complaint(capsys, "train", train(folder, stage="inter"))
    assert "short_tracklets.parquet" in line
    assert message in line
    assert nothing_is_left(folder)


def test_an_encoder_file_that_is_cut_off_is_one_line(folder, capsys):
    path = folder / "encoder_pretrained.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert "not a whole safetensors file" in complaint(capsys, "train", train(folder))
    assert nothing_is_left(folder)

"""`remots validate`, through the command line: whatever is broken is found, and what --fix writes is accepted."""

import json
import random

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.cli import main
from remots.formats.footage.sequence import write_sequence
from remots.masks.rle import encode
from tests.formats import official_readers
from tests.formats.drawn import HEIGHT, WIDTH, block, image, mots_line, some_sequence, write_image

A, B, C = block(0, 0, 4, 5), block(10, 0, 4, 5), block(0, 10, 6, 5)
N_FRAMES = 5
GOOD = [mots_line(frame, who, mask) for frame in (1, 2, 3) for who, mask in ((2001, A), (2002, B), (1003, C))]


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def validate(path, *flags):
    return main(["validate", str(path), *map(str, flags)])


def findings(path, capsys, *flags):
    """The exit code, and (level, code, line) of each finding."""
    capsys.readouterr()
    code = validate(path, "--json", *flags)
    found = json.loads(capsys.readouterr().out)
    assert found["errors"] == sum(one["level"] == "error" for one in found["findings"])
    return code, [(one["level"], one["code"], one["line"]) for one in found["findings"]]


def test_a_file_without_faults_is_said_to_be_so(tmp_path, capsys):
    assert validate(write(tmp_path / "s.txt", GOOD)) == 0
    assert capsys.readouterr().out == "no faults found\n"


def changed(line, column, text):
    fields = GOOD[line - 1].split()
    fields[column] = text
    return " ".join(fields)


FAULTS = {
    "a column too few": ({2: GOOD[1].rsplit(" ", 1)[0]}, ("error", "columns", 2), False),
    "boxes": ({2: "1,2,3,4,5,6,7"}, ("error", "columns", 2), False),
    "a word for a number": ({2: changed(2, 1, "two")}, ("error", "number", 2), False),
    "a decimal": ({2: changed(2, 0, "1.0")}, ("error", "form", 2), True),
    "a tab": ({2: GOOD[1].replace(" ", "\t", 1)}, ("error", "form", 2), True),
    "two spaces": ({2: GOOD[1].replace(" ", "  ", 1)}, ("warning", "spaces", 2), True),
    "a blank line": ({2: ""}, ("error", "blank line", 2), True),
    "an unknown class": ({2: changed(2, 2, "3")}, ("error", "class", 2), False),
    "two classes of one id": ({4: changed(4, 2, "1")}, ("error", "mixed class", 4), False),
    "an object with the id of ignore regions": ({2: changed(2, 1, "10000")}, ("error", "ignore region", 2), True),
    "an ignore region with an id of its own": ({2: changed(2, 2, "10")}, ("warning", "ignore region", 2), True),
    "an id that does not say its class": (
        {n: changed(n, 1, "7") for n in (2, 5, 8)}, ("warning", "id", 2), True),
    "a wrong size": ({2: changed(2, 3, "25")}, ("error", "size", 2), False),
    "sides swapped": ({2: f"1 2002 2 {WIDTH} {HEIGHT} {B['counts'].decode()}"}, ("error", "size", 2), False),
    "a cut-off mask": ({2: GOOD[1][:-1]}, ("error", "rle", 2), False),
    "a mask with a strange character": ({2: GOOD[1] + "~"}, ("error", "rle", 2), False),
    "an empty run": ({2: changed(2, 5, "0000" + A["counts"].decode()[0:0] + B["counts"].decode())}, None, None),
    "an empty mask": ({2: mots_line(1, 2002, encode(np.zeros((HEIGHT, WIDTH))))}, ("warning", "empty mask", 2), True),
    "frames out of order": ({1: GOOD[3], 4: GOOD[0]}, ("warning", "order", 2), True),
    "a line twice": ({4: GOOD[0]}, ("error", "duplicate", 4), True),
    "an id twice": ({2: mots_line(1, 2001, B)}, ("error", "duplicate", 2), False),
    "an overlap": ({2: mots_line(1, 2002, block(2, 2, 4, 4))}, ("error", "overlap", 2), True),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault[1]])
def test_a_fault_is_found_in_its_line_and_mended_or_refused(tmp_path, capsys, name):
    replaced, expected, is_mendable = FAULTS[name]
    path = write(tmp_path / "s.txt", [replaced.get(number, line) for number, line in enumerate(GOOD, 1)])
    code, found = findings(path, capsys)
    assert expected in found
    assert code == (2 if any(level == "error" for level, *_ in found) else 0)
    assert validate(path, "--fix", tmp_path / "mended.txt") == (0 if is_mendable else 2)
    assert (tmp_path / "mended.txt").exists() == is_mendable
    assert validate(path, "--fix", tmp_path / "kept.txt", "--leave-out", "--json") == 0
    assert findings(tmp_path / "kept.txt", capsys)[0] == 0
    official_readers.read_mots_challenge(tmp_path / "kept.txt", N_FRAMES, tmp_path / "w")


def test_all_faults_of_a_file_are_found_at_once(tmp_path, capsys):
    bad = [GOOD[0], "1 2", "", mots_line(1, 2002, block(2, 2, 4, 4)), changed(5, 3, "9"), *GOOD[5:]]
    code, found = findings(write(tmp_path / "s.txt", bad), capsys)
    assert code == 2
    assert {("error", "columns", 2), ("error", "blank line", 3), ("error", "overlap", 4), ("error", "size", 5)} <= {
        *found
    }


def test_each_finding_is_a_line_with_place_and_kind_and_the_last_line_says_what_to_do(tmp_path, capsys):
    path = write(tmp_path / "s.txt", [*GOOD, GOOD[-1], "1 2"])
    assert validate(path) == 2
    out, err = capsys.readouterr()
    assert f"{path}: line 10 (frame 3): error: the same mask of id 1003 stands in line 9" in out
    assert (
        err.splitlines()[-1] == f"remots validate: error: {path}: 2 errors and 0 warnings; --fix mends 1 of the errors"
    )


def test_a_gap_is_a_warning_and_frames_beyond_the_end_are_errors(tmp_path, capsys):
    write_sequence(tmp_path / "sequence.json", some_sequence(1, N_FRAMES))
    path = write(tmp_path / "s.txt", [*GOOD[:6], mots_line(5, 2001, A), mots_line(6, 2001, A)])
    code, found = findings(path, capsys, "--sequence", tmp_path / "sequence.json")
    assert code == 2
    assert found == [("warning", "gap", None), ("error", "frame range", 8)]
    assert validate(path) == 0


def test_frame_zero_is_kitti_unless_frames_are_said_to_count_from_one(tmp_path, capsys):
    lines = [mots_line(frame, 2001, A) for frame in (0, 1, 2)]
    path = write(tmp_path / "s.txt", lines)
    assert findings(path, capsys) == (0, [("warning", "frame 0", None)])
    assert findings(path, capsys, "--first-frame-number", 0) == (0, [])
    code, found = findings(path, capsys, "--first-frame-number", 1)
    assert (code, found) == (2, [("error", "frame 0", 1)])
    assert validate(path, "--first-frame-number", 1, "--fix", tmp_path / "m.txt") == 0
    assert (tmp_path / "m.txt").read_text().splitlines() == [mots_line(frame, 2001, A) for frame in (1, 2, 3)]


def test_an_overlap_goes_to_the_smaller_mask_and_an_ignore_region_gets_nothing(tmp_path):
    large, small, region = block(0, 0, 10, 10), block(2, 2, 3, 3), block(0, 0, 12, 12)
    lines = [mots_line(1, 2001, large), mots_line(1, 2002, small), mots_line(1, 10000, region)]
    assert validate(write(tmp_path / "s.txt", lines), "--fix", tmp_path / "m.txt") == 0
    masks, ignored = official_readers.read_mots_challenge(tmp_path / "m.txt", 1, tmp_path / "w", is_gt=True)
    assert masks[1, 2002] == (2, small["counts"])
    assert [
        int(official_readers.coco_mask.area({"size": (HEIGHT, WIDTH), "counts": c})) for _, c in masks.values()
    ] == [91, 9]
    assert int(official_readers.coco_mask.area(ignored[0])) == 44


def test_the_file_itself_is_never_written(tmp_path, capsys):
    path = write(tmp_path / "s.txt", GOOD)
    assert validate(path, "--fix", path) == 2
    assert "into another file" in capsys.readouterr().err


# --- folders


def sequence_folder(folder, name="MOTS20-02", n_images=3):
    for number in range(1, n_images + 1):
        write_image(folder / name / "img1" / f"{number:06d}.png", image(number))
    write(folder / name / "gt" / "gt.txt", GOOD)
    (folder / name / "seqinfo.ini").write_text(
        f"[Sequence]\nname={name}\nimDir=img1\nframeRate=10\nseqLength={n_images}\nimWidth={WIDTH}\nimHeight={HEIGHT}\n"
    )
    return folder / name


def test_a_data_set_without_faults_passes(tmp_path, capsys):
    for name in ("MOTS20-02", "MOTS20-05"):
        sequence_folder(tmp_path / "train", name)
    assert findings(tmp_path / "train", capsys) == (0, [])
    assert findings(tmp_path, capsys) == (0, [])


def without_seqinfo(folder):
    (folder / "seqinfo.ini").unlink()
    return "seqinfo.ini: error: is missing"


def without_images(folder):
    for path in (folder / "img1").iterdir():
        path.unlink()
    (folder / "img1").rmdir()
    return "img1: error: is missing"


def with_an_image_too_few(folder):
    (folder / "img1" / "000002.png").unlink()
    return "img1: error: 2 images, but seqLength is 3"


def with_an_image_of_another_size(folder):
    write_image(folder / "img1" / "000002.png", image(2, HEIGHT + 2))
    return f"000002.png: error: {WIDTH}x{HEIGHT + 2} px instead of {WIDTH}x{HEIGHT} px"


def with_a_broken_image(folder):
    (folder / "img1" / "000002.png").write_text("no image")
    return "000002.png: error: cannot be read as an image"


def with_a_broken_seqinfo(folder):
    (folder / "seqinfo.ini").write_text("[Sequence]\nseqLength=three\n")
    return "seqinfo.ini: error: "


def with_truth_beyond_the_end(folder):
    write(folder / "gt" / "gt.txt", [*GOOD, mots_line(4, 2001, A)])
    return "gt.txt: line 10 (frame 4): error: frame 4, but the last of the sequence is 3"


def with_truth_from_frame_zero(folder):
    write(folder / "gt" / "gt.txt", [mots_line(0, 2001, A)])
    return "gt.txt: line 1 (frame 0): error: frame 0"


@pytest.mark.parametrize(
    "damage",
    [without_seqinfo, without_images, with_an_image_too_few, with_an_image_of_another_size, with_a_broken_image,
     with_a_broken_seqinfo, with_truth_beyond_the_end, with_truth_from_frame_zero],
)  # fmt: skip
def test_a_fault_of_a_sequence_folder_is_found(tmp_path, capsys, damage):
    expected = damage(sequence_folder(tmp_path))
    sequence_folder(tmp_path, "MOTS20-05")
    for place in (tmp_path, tmp_path / "MOTS20-02"):
        assert validate(place) == 2
        assert expected in capsys.readouterr().out


def test_kitti_mots_is_held_against_its_images(tmp_path, capsys):
    for number in range(2):
        write_image(tmp_path / "training/image_02/0000" / f"{number:06d}.png", image(number))
        labels = np.full((HEIGHT, WIDTH), 2001 if number else 0, np.uint16)
        (tmp_path / "instances/0000").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "instances/0000" / f"{number:06d}.png"), labels)
    write(tmp_path / "instances_txt/0000.txt", [mots_line(frame, 2001, A) for frame in (0, 1)])
    assert findings(tmp_path, capsys) == (0, [])
    write(tmp_path / "instances_txt/0000.txt", [mots_line(frame, 2001, A) for frame in (0, 1, 2)])
    cv2.imwrite(str(tmp_path / "instances/0000/000001.png"), np.full((HEIGHT, WIDTH), 7001, np.uint16))
    assert validate(tmp_path) == 2
    out = capsys.readouterr().out
    assert "0000.txt: line 3 (frame 2): error: frame 2, but the last of the sequence is 1" in out
    assert "000001.png (frame 1): error: object 7001 is of unknown class 7" in out


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_place_with_nothing_to_check_is_one_line(tmp_path, capsys, name):
    (tmp_path / "empty").mkdir()
    assert validate(tmp_path / name) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


def test_the_official_truth_of_kitti_mots_passes(shared_data, capsys):
    folder = shared_data / "kitti_mots_gt"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    assert findings(folder / "0012.txt", capsys, "--first-frame-number", 0) == (0, [])


# --- whatever is broken at random


def damage_at_random(text, rng):
    """Break bytes, fields and lines of a file, as hands, tools and disks do."""
    lines = text.splitlines()
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        fields = lines[at].split(" ")
        kind = rng.randrange(9)
        if kind == 0:
            fields[rng.randrange(len(fields))] = rng.choice(
                ["", "0", "-1", "1e3", "2", "10", "10000", "99999999999", "x"]
            )
        elif kind == 1:
            fields.insert(rng.randrange(len(fields) + 1), rng.choice(["1", "x", ""]))
        elif kind == 2:
            fields.pop(rng.randrange(len(fields)))
        elif kind == 3:
            rle = [*fields[-1]] or ["0"]
            rle[rng.randrange(len(rle))] = chr(rng.randrange(33, 127))
            fields[-1] = "".join(rle)
        elif kind == 4:
            fields = [lines[rng.randrange(len(lines))]]
        elif kind == 5:
            lines.insert(rng.randrange(len(lines)), " ".join(fields))
        elif kind == 6:
            lines.insert(at, rng.choice(["", " ", "\t", "# frame id class height width rle"]))
        elif kind == 7:
            fields = [rng.choice("\t,;").join(fields)]
        else:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
            continue
        lines[at] = " ".join(fields)
    end = rng.choice(["\n", "\r\n", "\n", "\n"])
    return end.join(lines) + rng.choice([end, "", end + end])


def is_accepted(path, work):
    """What the official reader finds in it, or None where it raises, or reads a mask that is none."""
    try:
        masks = official_readers.read_mots_challenge(path, N_FRAMES, work)
    except Exception:  # any kind is how it says no
        return None
    return masks


def objects(masks):
    """All but ignore regions and empty masks."""
    return {
        key: (class_id, counts)
        for key, (class_id, counts) in masks.items()
        if class_id != 10 and official_readers.coco_mask.area({"size": (HEIGHT, WIDTH), "counts": counts})
    }


@given(seed=st.integers(0, 10**9))
@settings(deadline=None, max_examples=60)
def test_whatever_is_broken_is_found_or_harmless_and_what_fix_writes_is_accepted(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("broken")
    write_sequence(folder / "sequence.json", some_sequence(1, N_FRAMES))
    path = folder / "s.txt"
    path.write_bytes(damage_at_random("\n".join(GOOD), random.Random(seed)).encode())
    hold = ["--sequence", folder / "sequence.json", "--first-frame-number", 1]
    if validate(path, "--quiet", *hold) == 0:  # then the official reader finds what we find
        accepted = is_accepted(path, folder / "a")
        assert accepted is not None
        assert validate(path, "--fix", folder / "same.txt", "--quiet", *hold) == 0
        assert objects(is_accepted(folder / "same.txt", folder / "b")) == objects(accepted)
    assert validate(path, "--fix", folder / "kept.txt", "--leave-out", "--quiet", *hold) == 0
    assert validate(folder / "kept.txt", "--quiet", *hold) == 0
    assert is_accepted(folder / "kept.txt", folder / "c") is not None
    if validate(path, "--fix", folder / "mended.txt", "--quiet", *hold) == 0:
        assert validate(folder / "mended.txt", "--quiet", *hold) == 0
        assert is_accepted(folder / "mended.txt", folder / "d") is not None

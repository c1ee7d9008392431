import html
import re

import pytest

from remots.report.page import Cost, MetricsTable, PageData, find_remarks, order_costs, render_page, sum_costs

NASTY = "<script>alert(1)</script>\"'&"
PIXEL = "data:image/webp;base64,AAAA"


def picture(frame, tracklet="3"):
    return {"frame": frame, "tracklet": tracklet, "picture": PIXEL}


def side(tracklet, track):
    shown = {"pictures": [picture(4, tracklet)], "others": [picture(9, "8")]}
    return {"tracklet": tracklet, "track": track, "first": 1, "last": 5, "n_masks": 5, **shown}


def excerpt(name="street", **changes):
    call = {"similarity": 0.61, "gap_frames": 4, "earlier": side("3", 1), "later": side("5", 2)}
    track = {"id": 1, "first": 1, "last": 9, "n_masks": 7, "runs": [[1, 4], [7, 9]], "joins": [7], "filled": []}
    threshold = {"value": 0.6, "rule": "a rule", "fallback": None, "samples": ["9 pairs"], "meaning": "Apart."}
    size = {"first_frame": 1, "last_frame": 9, "height_px": 90, "width_px": 160, "fps": 10.0}
    video = {"data": "AAAA", "poster": PIXEL, "width_px": 160, "height_px": 90, "words": "Every frame."}
    switch = {"frame": 7, "identity": 2001, "track_before": 2, "track_after": 1, "last_frame": 4}
    return {
        "sequence": {"sequence": name, **size},
        "counts": {"masks": 12, "tracklets": 3, "tracks": 2, "without_track": 0, "filled": 0},
        "video": video | {"fps": 10.0, "step_frames": 1, "pieces": [[1, 9]]},
        "tracks": [track | {"tracklets": ["3", "4"], "pictures": [picture(2)]}],
        "n_tracks_left_out": 0,
        "merged": [call],
        "apart": [call],
        "switches": {"n": 1, "shown": [switch | {"pictures": [picture(4), picture(7)]}]},
        "thresholds": [{"kind": "merge", "figure": "data:image/svg+xml;base64,AAAA", **threshold}],
        "training": {"words": ["It took 9 steps."], "figure": None},
        "corrections": [],
        "tracklets_digest": "3f9a1c07be52",
    } | changes


EMPTY = {
    "counts": {"masks": 0, "tracklets": 0, "tracks": 0, "without_track": 0, "filled": 0},
    "tracks": [],
    "merged": [],
    "apart": [],
    "switches": None,
    "thresholds": [],
    "training": None,
}
HEADER = ["Sequence", "sMOTSA↑", "IDF1↑", "HOTA↑", "IDS↓"]


def render(*excerpts, rows=(), costs=None, title="A run"):
    return render_page(PageData(title, "9.9", excerpts, MetricsTable(HEADER, rows), costs or {}))


def test_every_text_is_escaped():
    named = excerpt(NASTY)
    named["sequence"]["sequence"] = NASTY
    named["thresholds"][0]["fallback"] = named["thresholds"][0]["rule"] = NASTY
    named["corrections"] = [{"action": "drop", "a": "</script>", "b": "", "frame": "", "note": NASTY}]
    page = render(named, rows=[[NASTY, "1", "2", "3", "4"]], costs={NASTY: [Cost(NASTY, 1.0, None)]}, title=NASTY)
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>") in page
    assert len(re.findall(r"<script\b", page)) == len(re.findall("</script>", page)) == 3


def test_the_page_asks_for_nothing_from_elsewhere():
    page = render(excerpt(), rows=[["street", "1", "2", "3", "4"]])
    style = re.search("<style>(.*?)</style>", page, re.S)[1]
    assert "url(" not in style
    assert "@import" not in style
    links = re.findall(r'(?:src|href|poster)="([^"]*)"', page)
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_nothing_at_all_is_a_page_too():
    assert "There is no sequence in this run." in render()
    page = render(excerpt(**EMPTY))
    assert "There are no tracks." in page
    assert "Without ground truth nobody knows." in page
    assert "There was no training." in page
    assert "nothing to score" in page


def test_ids_are_used_once_and_every_link_within_the_page_leads_somewhere():
    page = render(excerpt(), excerpt("square"), rows=[["street", "1", "2", "3", "4"]])
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    assert not [words for words in re.findall(r"<img [^>]*>", page) if 'alt="' not in words]


def test_the_two_buttons_of_a_close_call_name_both_tracklets():
    page = render(excerpt())
    for action in ("must_link", "cannot_link"):
        assert page.count(f'data-action="{action}" data-a="3" data-b="5"') == 2


def test_what_is_worth_a_look_comes_first():
    fallen = excerpt()
    fallen["thresholds"][0]["fallback"] = "no pairs"
    words = [remark[3] for remark in find_remarks([fallen, excerpt("empty", **EMPTY)])]
    assert words == [
        "θ_merge fell back: no pairs",
        "1 identity switch",
        "2 close calls of the merging to check",
        "no tracks at all",
    ]


def test_steps_stand_in_the_order_of_the_pipeline_and_unknown_ones_behind():
    costs = [Cost("merge", 1, 5), Cost("new_step", 2, None), Cost("detect_b/1_of_2", 3, 7), Cost("probe", 4, None)]
    assert [cost.step for _, cost in order_costs(costs)] == ["probe", "detect_b/1_of_2", "merge", "new_step"]
    assert order_costs(costs)[1][0] == "find masks"


def test_the_whole_run_adds_seconds_and_takes_the_largest_memory():
    costs = {"a": [Cost("merge", 1, 5), Cost("detect_a", 1, None)], "b": [Cost("merge", 2, 9), Cost("detect_b", 2, 3)]}
    found = {cost.step: cost for _, cost in sum_costs(costs)}
    assert found == {"merge": Cost("merge", 3, 9), "detect": Cost("detect", 3, 3)}


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.99, "10 s"), (34.7, "35 s"), (125, "2 min 5 s"), (11041, "3 h 4 min")]
)
def test_times_are_written_as_people_say_them(seconds, words):
    assert f">{words}<" in render(excerpt(), costs={"street": [Cost("merge", seconds, None)]})

"""A few dozen steps on a rendered scene, from random weights: each training tells its people apart better."""

import numpy as np
import pytest
import torch

from remots.appearance.crops import cut_crops
from remots.appearance.encoder import Encoder
from remots.appearance.features import embed_crops
from remots.appearance.sampling import BatchSampler, InterShortTracklet, IntraFrame
from remots.appearance.training import train_encoder
from remots.appearance.training_plan import TrainingPlan
from remots.synthetic.scene import SceneParameters, render_scene
from tests.appearance.drawn_people import area_under_curve

N_STEPS = 40
FRAMES_PER_TRACKLET = 10


@pytest.fixture(scope="module")
def scene():
    """Crops of every third frame, the frame and the person of each."""
    crops, frames, people = [], [], []
    parameters = SceneParameters(n_frames=120, n_people=8, height_px=180, width_px=320, seed=11)
    for frame, image, masks, identities in list(render_scene(parameters))[::3]:
        crops.append(cut_crops(image, masks, 48, 24))
        frames += [frame] * len(masks)
        people += list(identities)
    return np.concatenate(crops), np.array(frames), np.array(people)


def test_a_few_dozen_steps_raise_the_auc_of_same_against_different_people(scene):
    crops, frames, people = scene
    torch.set_num_threads(1)
    torch.manual_seed(0)
    encoder = Encoder("resnet10t")
    plan = TrainingPlan(steps=N_STEPS, learning_rate=1e-3, precision="float32", decay="cosine")
    tracklets = np.unique([people, frames // (3 * FRAMES_PER_TRACKLET)], axis=1, return_inverse=True)[1].ravel()
    aucs = [auc(encoder, crops, people)]
    for target in (IntraFrame(frames), InterShortTracklet(frames, tracklets)):
        train_encoder(encoder, BatchSampler(target, [], 32, 2, 8, 0), [crops], plan)
        aucs.append(auc(encoder, crops, people))
    assert aucs[1] > aucs[0] + 0.05, aucs
    assert aucs[2] > aucs[1], aucs


def auc(encoder, crops, people):
    return area_under_curve(np.concatenate(list(embed_crops(encoder, crops, precision="float32"))), people)

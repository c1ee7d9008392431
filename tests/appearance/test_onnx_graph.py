import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from onnx2torch import convert

from remots.appearance.encoder import Encoder
from remots.appearance.features import embed_crops
from remots.appearance.onnx_graph import build_network, declared_size, mend_graph, open_graph, without_weights
from remots.appearance.sampling import BatchSampler, IntraFrame
from remots.appearance.training import train_encoder
from remots.appearance.training_plan import TrainingPlan
from tests.appearance.drawn_people import draw_people
from tests.appearance.small_graphs import N_DIMENSIONS, SIZE, small_graph

IMAGES = torch.rand(5, 3, *SIZE, generator=torch.Generator().manual_seed(0))
OSNET = "weights/osnet_x0_25_msmt17.onnx"


def run(network, images=IMAGES):
    with torch.no_grad():
        return network.eval()(images)


def run_onnx(data, images):
    """The reference: onnxruntime, on one image at a time, as the file was exported."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options)
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: image[None].numpy()})[0] for image in images])


def cosines(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_features_are_those_of_onnxruntime_for_several_images_at_once():
    data = small_graph()
    features = run(build_network(mend_graph(data)))
    assert features.shape == (5, N_DIMENSIONS)
    np.testing.assert_allclose(features, run_onnx(data, IMAGES), rtol=1e-4, atol=1e-4)


def test_osnet_gives_the_features_of_onnxruntime_for_several_crops_at_once(shared_data):
    data = (shared_data / OSNET).read_bytes()
    encoder = Encoder("any", background="kept", graph=mend_graph(data))
    crops = torch.from_numpy(draw_people(7, 1, 256, 128)[0])
    features = run(encoder, crops)
    expected = run_onnx(data, encoder.preprocess(crops).contiguous())
    assert features.shape == (7, 512)
    np.testing.assert_allclose(cosines(features, expected), 1, atol=1e-5)
    assert encoder.description.crop_height_px is None  # it takes crops of any size
    assert run(encoder, torch.from_numpy(draw_people(3, 1, 128, 64)[0])).shape == (3, 512)


@pytest.mark.parametrize("reshape_to", [(1, -1), (-1, 8), (0, -1)])
def test_a_reshape_to_one_image_takes_as_many_as_there_are(reshape_to):
    network = build_network(mend_graph(small_graph(reshape_to=reshape_to)))
    together = run(network)
    apart = torch.cat([run(network, image[None]) for image in IMAGES])
    torch.testing.assert_close(together, apart)


def test_a_graph_without_its_weights_is_small_and_gives_the_same_features_once_they_are_loaded():
    data = small_graph()
    graph, weights = open_graph(data)
    assert len(graph) < len(data) / 2
    rebuilt = build_network(graph)
    assert not torch.equal(run(rebuilt), run(build_network(mend_graph(data))))
    rebuilt.load_state_dict(weights)
    assert torch.equal(run(rebuilt), run(build_network(mend_graph(data))))


def test_a_graph_that_cannot_do_without_its_weights_keeps_them(monkeypatch):
    def build_a_weight_in(model):
        network = convert(model)
        weight = network.Gemm4.weight.detach()
        del network.Gemm4.weight
        network.Gemm4.register_buffer("weight", weight, persistent=False)  # not part of the state
        return network

    monkeypatch.setattr("remots.appearance.onnx_graph.convert", build_a_weight_in)
    data = small_graph()
    graph, weights = open_graph(data)
    rebuilt = build_network(graph)
    rebuilt.load_state_dict(weights)
    assert torch.equal(run(rebuilt), run(build_network(mend_graph(data))))


def test_equal_files_give_equal_graphs_and_a_graph_mended_twice_is_the_same():
    once = mend_graph(small_graph())
    assert mend_graph(small_graph()) == once
    assert mend_graph(once) == once
    assert without_weights(without_weights(once)) == without_weights(once)


def test_names_in_the_file_never_reach_python_code(capsys):
    graph = mend_graph(small_graph(name='x", print("this code must never run"))#'))
    names = list(build_network(graph).state_dict())
    run(build_network(graph))
    assert "never run" not in capsys.readouterr().out
    assert names[0] == "Conv0.weight"


def test_the_size_that_it_was_exported_for_is_known():
    assert declared_size(mend_graph(small_graph())) == SIZE


def test_a_graph_for_one_size_makes_an_encoder_for_that_size():
    encoder = Encoder("any", graph=mend_graph(small_graph(pooled=False)))
    assert (encoder.description.crop_height_px, encoder.description.crop_width_px) == SIZE
    assert encoder.description.backbone == "onnx"
    with pytest.raises(ValueError, match=r"does not take 3 images of 64x32 px .* exported for 32x16 px") as error:
        open_graph(small_graph(pooled=False), (64, 32))
    assert "\n" not in str(error.value)


def test_a_graph_is_trained_like_any_backbone():
    crops, frames, _ = draw_people(4, 6)
    graph, weights = open_graph(small_graph())
    encoder = Encoder("any", graph=graph)
    encoder.backbone.load_state_dict(weights)
    before = {name: tensor.clone() for name, tensor in encoder.backbone.state_dict().items()}
    features = np.concatenate(list(embed_crops(encoder, crops, precision="float32")))
    sampler = BatchSampler(IntraFrame(frames), [], 16, 2, 4, 0)
    log = train_encoder(encoder, sampler, [crops], TrainingPlan(steps=8, precision="float32"))
    assert np.isfinite(log[:, :4]).all()
    assert not any(torch.equal(before[name], tensor) for name, tensor in encoder.backbone.named_parameters())
    assert not np.array_equal(features, np.concatenate(list(embed_crops(encoder, crops, precision="float32"))))


@pytest.mark.parametrize("n_bytes", [0, 5, 300, -200])
def test_a_file_that_is_cut_off_is_refused(n_bytes):
    with pytest.raises(ValueError, match="not a whole ONNX file") as error:
        mend_graph(small_graph()[:n_bytes])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ({"n_inputs": 2}, "2 inputs and 1 outputs; export it with the images as its one input"),
        ({"n_outputs": 2}, "1 inputs and 2 outputs"),
        ({"operator": "Mish"}, r"onnx2torch cannot build the graph \(NotImplementedError: .*Mish"),
        ({"reshape_to": (1, 8)}, None),
        ({"n_images": 2, "reshape_to": (-1, 16)}, "cannot build the graph .*ShapeInferenceError"),
    ],
)
def test_an_unsuitable_graph_is_refused_in_one_line(graph, message):
    data = small_graph(**graph) if graph.get("operator") != "Mish" else with_operator("Mish")
    if message is None:  # a fixed number of channels is no obstacle
        assert open_graph(data)[0]
        return
    with pytest.raises(ValueError, match=message) as error:
        open_graph(data)
    assert "\n" not in str(error.value)


def with_operator(operator):
    """An operator that onnx knows and onnx2torch does not."""
    model = onnx.load_from_string(small_graph())
    model.graph.node[1].op_type = operator
    model.opset_import[0].version = 18
    return model.SerializeToString()


def test_a_graph_that_branches_is_refused():
    model = onnx.load_from_string(small_graph())
    branch = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["/a"], ["/branch"])],
        "branch",
        [],
        [onnx.helper.make_tensor_value_info("/branch", TensorProto.FLOAT, None)],
    )
    condition = onnx.numpy_helper.from_array(np.array(True), "condition")
    model.graph.initializer.append(condition)
    model.graph.node[1].CopyFrom(
        onnx.helper.make_node("If", ["condition"], ["/b"], then_branch=branch, else_branch=branch)
    )
    with pytest.raises(ValueError, match=r"branches or loops \(operator If\); export it without"):
        mend_graph(model.SerializeToString())


def test_weights_in_other_files_are_refused():
    model = onnx.load_from_string(small_graph())
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(ValueError, match="keeps its weights in other files; export it as one file"):
        mend_graph(model.SerializeToString())


def test_a_graph_without_weights_to_train_is_refused():
    model = onnx.load_from_string(small_graph())
    del model.graph.node[:]
    model.graph.node.append(onnx.helper.make_node("Identity", ["images"], ["feature"]))
    model.graph.output[0].type.CopyFrom(model.graph.input[0].type)
    with pytest.raises(ValueError, match="no weights that can be trained"):
        build_network(mend_graph(model.SerializeToString()))

"""Small ONNX files for tests, written as exporters write them: a convolution, a full layer, batch normalisation."""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

SIZE = (32, 16)
N_CHANNELS, N_DIMENSIONS = 8, 100
OUTSIDE = "trunk/block 1."  # names in ONNX files are no Python names


def small_graph(n_images=1, reshape_to=(1, -1), pooled=True, operator="Relu", n_inputs=1, n_outputs=1, name="conv"):
    """A network exported with an example of `n_images`; pooled, it takes images of any size."""
    rng = np.random.default_rng(0)
    n_inner = N_CHANNELS * (1 if pooled else (SIZE[0] // 2) * (SIZE[1] // 2))
    weights = {
        "conv.weight": rng.normal(0, 0.3, (N_CHANNELS, 3, 2, 2)),
        "conv.bias": rng.normal(0, 0.1, N_CHANNELS),
        "fc.weight": rng.normal(0, 0.5, (N_DIMENSIONS, n_inner)),
        **{f"bn.{part}": rng.uniform(0.5, 2, N_DIMENSIONS) for part in ("weight", "bias", "mean", "variance")},
    }
    tensors = [numpy_helper.from_array(values.astype(np.float32), OUTSIDE + part) for part, values in weights.items()]
    conv, full, *normalisation = ([OUTSIDE + part] for part in weights if part != "conv.bias")
    nodes = [
        helper.make_node("Conv", ["images", *conv, OUTSIDE + "conv.bias"], ["/a"], name, strides=[2, 2]),
        helper.make_node(operator, ["/a"], ["/b"]),
        helper.make_node("GlobalAveragePool" if pooled else "Identity", ["/b"], ["/c"]),
        helper.make_node("Reshape", ["/c", "shape"], ["/d"]),
        helper.make_node("Gemm", ["/d", *full], ["/e"], transB=1),
        helper.make_node("BatchNormalization", ["/e", *(part for (part,) in normalisation)], ["feature"]),
    ]
    images = [_value("images" if number == 0 else f"more{number}", (n_images, 3, *SIZE)) for number in range(n_inputs)]
    features = [_value(value, (n_images, None)) for value in ("feature", "/e")[:n_outputs]]
    shape = numpy_helper.from_array(np.array(reshape_to, np.int64), "shape")
    graph = helper.make_graph(nodes, "small", images, features, [*tensors, shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


def _value(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

"""Networks from ONNX files, made trainable.

An ONNX file is a graph of operators and its weights. `mend_graph` makes of it what a training can use: any number of
images at once, and names that are safe as Python attributes; `build_network` makes it a torch module (with onnx2torch);
`without_weights` leaves the graph alone, for the weights are kept beside it once they have been trained. Nothing in the
file is ever run as code.
"""

import numpy as np
import onnx
import onnx.shape_inference
import torch
from google.protobuf.message import DecodeError
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx2torch import convert
from torch import Tensor, nn

from remots.errors import one_line

_FROM_INPUT = 0  # as a dimension of Reshape: as many as the input has
_N_TRIED = 3
_USUAL_SIZE = (256, 128)
_MAX_KEPT_VALUES = 64  # smaller tensors may be shapes or limits, which the graph cannot be built without
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def mend_graph(data: bytes) -> bytes:
    """Make an exported graph fit for training.

    Parameters
    ----------
    data : bytes
        An ONNX file: one input of shape (n, 3, height, width), one output of shape (n, n_dimensions).

    Returns
    -------
    bytes
        The same graph for any number of images, with names that only count. A Reshape to a fixed number of images, as
        exporters write it for an example of one image, keeps its input's number instead.

    Raises
    ------
    ValueError
        If it is no whole ONNX file, keeps its weights in other files, or has other inputs or outputs.
    """
    model = _parse(data)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ValueError(
            f"the graph has {len(inputs)} inputs and {len(graph.output)} outputs; export it with the images as its one "
            "input and the feature as its one output"
        )
    n_images = _sizes(inputs[0])[0]
    del graph.value_info[:]  # says of every layer how many images there are; is inferred anew
    for value in (inputs[0], graph.output[0]):
        if len(value.type.tensor_type.shape.dim):
            value.type.tensor_type.shape.dim[0].dim_param = "n_images"
    _free_reshapes(model, n_images)
    _rename(model)
    return bytes(model.SerializeToString(deterministic=True))


def declared_size(graph: bytes) -> tuple[int, int] | None:
    """Give height and width of the images in px for which a graph was exported; None where it says nothing."""
    model = onnx.load_from_string(graph)
    weights = {tensor.name for tensor in model.graph.initializer}
    sizes = _sizes(next(value for value in model.graph.input if value.name not in weights))
    height, width = sizes[2:4] if len(sizes) == 4 else (None, None)
    return (height, width) if height and width else None


def build_network(graph: bytes) -> nn.Module:
    """Build the torch module of a mended graph.

    Parameters
    ----------
    graph : bytes
        From `mend_graph` or `without_weights`; in the second case all large weights are 0.

    Returns
    -------
    Module
        In training mode, like any new module.

    Raises
    ------
    ValueError
        If the graph has an operator that onnx2torch does not know, or no weight that can be trained.
    """
    model = _load(graph)
    _rename(model)  # also where somebody else wrote the graph
    for tensor in model.graph.initializer:
        if _is_left_out(tensor):
            tensor.raw_data = bytes(_n_values(tensor) * numpy_helper.to_array(_empty_like(tensor)).itemsize)
    try:
        network: nn.Module = convert(model)
    except Exception as error:  # onnx2torch and shape inference raise whatever they meet
        raise ValueError(f"onnx2torch cannot build the graph ({_reason(model) or one_line(error)})") from error
    if not any(parameter.is_floating_point() for parameter in network.parameters()):
        raise ValueError("the graph has no weights that can be trained; export it in float32, not quantised")
    return network.float().train()


def _reason(model: ModelProto) -> str | None:
    """Say where the sizes in a graph contradict each other, as where it holds for one number of images alone."""
    try:
        onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        return " ".join(str(error).split())[:160]
    return None


def without_weights(graph: bytes) -> bytes:
    """Leave the values of all large weights out of a mended graph."""
    model = onnx.load_from_string(graph)
    for tensor in model.graph.initializer:
        if _is_large(tensor):
            tensor.CopyFrom(TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims))
    return bytes(model.SerializeToString(deterministic=True))


def open_graph(data: bytes, crop_size: tuple[int, int] | None = None) -> tuple[bytes, dict[str, Tensor]]:
    """Take an ONNX file apart into a graph and its weights, and see that together they work.

    Parameters
    ----------
    data : bytes
        The file.
    crop_size : (int, int), optional
        Height and width in px of the images that it is for; by default what it was exported for.

    Returns
    -------
    graph : bytes
        For `build_network`; without its weights, unless it cannot be built without them.
    weights : dict of str to Tensor
        The state dictionary of its network.

    Raises
    ------
    ValueError
        See `mend_graph` and `build_network`; also if it does not take images of that size, or several at once.
    """
    whole = mend_graph(data)
    network = build_network(whole).eval()
    exported_for = declared_size(whole) or _USUAL_SIZE
    images = torch.rand(_N_TRIED, 3, *(crop_size or exported_for), generator=torch.Generator().manual_seed(0))
    features = _run(network, images, exported_for)
    apart = torch.cat([_run(network, image[None], exported_for) for image in images])
    if features.shape != apart.shape or not torch.allclose(features, apart, rtol=1e-3, atol=1e-3):
        raise ValueError("the graph does not take several images at once; export it with a free number of images")
    graph, weights = without_weights(whole), network.state_dict()
    rebuilt = build_network(graph).eval()
    rebuilt.load_state_dict(weights)
    # Where onnx2torch built a weight into the network in such a way that it is not part of the state, all are kept.
    return (graph if torch.equal(_run(rebuilt, images, exported_for), features) else whole), dict(weights)


def _run(network: nn.Module, images: Tensor, exported_for: tuple[int, int]) -> Tensor:
    try:
        with torch.no_grad():
            features: Tensor = network(images)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        (height, width), (n, _, *size) = exported_for, images.shape
        raise ValueError(
            f"the graph does not take {n} images of {size[0]}x{size[1]} px at once ({one_line(error)}); "
            f"it was exported for {height}x{width} px"
        ) from error
    return features


def _parse(data: bytes) -> ModelProto:
    model = _load(data)
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ValueError("keeps its weights in other files; export it as one file")
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"not a whole ONNX file ({one_line(error)}); fetch or export it again") from error
    return model


def _load(data: bytes) -> ModelProto:
    try:
        return onnx.load_from_string(data)
    except DecodeError as error:
        raise ValueError(f"not a whole ONNX file ({one_line(error)}); fetch or export it again") from error


def _sizes(value: onnx.ValueInfoProto) -> list[int | None]:
    """Give a value's dimensions; None where one is free."""
    return [dim.dim_value or None for dim in value.type.tensor_type.shape.dim] or [None]


def _free_reshapes(model: ModelProto, n_images: int | None) -> None:
    """Let each Reshape to the fixed number of images that the graph was exported for take as many as there are."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    constants |= {
        node.output[0]: node.attribute[0].t
        for node in model.graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    for node in model.graph.node:
        tensor = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        if tensor is None:
            continue
        shape = numpy_helper.to_array(tensor).copy()
        if shape.ndim == 1 and len(shape) and shape[0] == n_images:
            shape[0] = _FROM_INPUT
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))


def _rename(model: ModelProto) -> None:
    """Give all values and nodes numbers for names: torch.fx writes their names into Python code."""
    names: dict[str, str] = {"": ""}
    graph = model.graph
    for named in (*graph.input, *graph.initializer):
        names.setdefault(named.name, f"v{len(names)}")
    for number, node in enumerate(graph.node):
        _check_plain(node)
        node.name = f"{node.op_type}{number}"
        for output in node.output:
            names.setdefault(output, f"v{len(names)}")
    for named in (*graph.input, *graph.output, *graph.initializer):
        named.name = names[named.name]
    for node in graph.node:
        node.input[:] = [names[value] for value in node.input]
        node.output[:] = [names[value] for value in node.output]


def _check_plain(node: NodeProto) -> None:
    if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        raise ValueError(f"the graph branches or loops (operator {node.op_type}); export it without")


def _n_values(tensor: TensorProto) -> int:
    return int(np.prod(tensor.dims, dtype=np.int64))


def _is_large(tensor: TensorProto) -> bool:
    return tensor.data_type in _FLOATS and _n_values(tensor) > _MAX_KEPT_VALUES


def _is_left_out(tensor: TensorProto) -> bool:
    return _is_large(tensor) and tensor.ByteSize() < _n_values(tensor)


def _empty_like(tensor: TensorProto) -> TensorProto:
    return TensorProto(name=tensor.name, data_type=tensor.data_type, dims=[0], raw_data=b"")

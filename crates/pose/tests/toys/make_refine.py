#!/usr/bin/env python3
"""Writes toys/refine: a model of every kind with confidence maps; needs sleap-nn[export] 0.3.5.

The graphs are sleap-nn's own export wrappers around networks that see what is in the frame: the
confidence maps of the nodes red, green and blue are every other pixel of those channels. A frame
with coloured Gaussians has its points at their middles. The centroid is the blue node; the lines
between nodes run down to the right everywhere; the first identity is the likelier one.
"""

import json
import shutil
from pathlib import Path

import onnx
import torch
from onnx.external_data_helper import set_external_data
from sleap_nn.export.exporters.onnx_exporter import export_to_onnx
from sleap_nn.export.wrappers.bottomup import BottomUpONNXWrapper
from sleap_nn.export.wrappers.bottomup_multiclass import BottomUpMultiClassONNXWrapper
from sleap_nn.export.wrappers.centroid import CentroidONNXWrapper
from sleap_nn.export.wrappers.single_instance import SingleInstanceONNXWrapper
from sleap_nn.export.wrappers.topdown import TopDownONNXWrapper
from sleap_nn.export.wrappers.topdown_multiclass import TopDownMultiClassCombinedONNXWrapper
from torch import nn

HERE = Path(__file__).parent / "refine"
WIDTH, HEIGHT, CROP, SLOTS = 64, 48, 24, 3
NODES, EDGES, CLASSES = ["red", "green", "blue"], [(0, 1), (1, 2)], ["first", "second"]


def sampling(stride, channels=(0, 1, 2)):
    """A convolution that takes one pixel in `stride`."""
    layer = nn.Conv2d(3, len(channels), 1, stride=stride, bias=False)
    layer.weight.data = torch.eye(3)[list(channels)][..., None, None]
    return layer


def constant(values, stride):
    """A convolution that gives the same everywhere."""
    layer = nn.Conv2d(3, len(values), 1, stride=stride)
    layer.weight.data.zero_()
    layer.bias.data = torch.tensor(values)
    return layer


class Network(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.heads = nn.ModuleDict(heads)

    def forward(self, image):
        return {name: head(image) for name, head in self.heads.items()}


def single(stride, scale):
    network = Network({"SingleInstanceConfmapsHead": sampling(stride)})
    return SingleInstanceONNXWrapper(network, stride, scale)


def centroid_network():
    return Network({"CentroidConfmapsHead": sampling(2, [2])})


def centroid():
    return CentroidONNXWrapper(centroid_network(), SLOTS, 2)


def topdown():
    instance = Network({"CenteredInstanceConfmapsHead": sampling(2)})
    return TopDownONNXWrapper(centroid_network(), instance, SLOTS, (CROP, CROP), 2, 2, n_nodes=len(NODES))


def bottomup():
    network = Network(
        {
            "MultiInstanceConfmapsHead": sampling(2),
            "PartAffinityFieldsHead": constant([0.7] * 4, 4),
        }
    )
    return BottomUpONNXWrapper(network, EDGES, len(NODES), SLOTS, 10, 2, 4)


def multi_class_bottomup():
    network = Network(
        {
            "MultiInstanceConfmapsHead": sampling(1),
            "ClassMapsHead": constant([0.9, 0.1], 4),
        }
    )
    return BottomUpMultiClassONNXWrapper(network, len(NODES), len(CLASSES), SLOTS, 1, 4, 0.5)


def multi_class_topdown():
    vectors = nn.Sequential(constant([2.0, 0.0], 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(-1))
    instance = Network({"CenteredInstanceConfmapsHead": sampling(1), "ClassVectorsHead": vectors})
    return TopDownMultiClassCombinedONNXWrapper(
        centroid_network(), instance, SLOTS, (CROP, CROP), 2, 1, 1.0, 0.5, len(NODES), len(CLASSES)
    )


CENTROIDS = ["centroids", "centroid_vals"]
CROPS = [*CENTROIDS, "peaks", "peak_vals"]
PEAKS = ["peaks", "peak_vals", "peak_mask"]
# wrapper, outputs, fields of the metadata
TOYS = {
    "single_instance": (single(2, 1.0), PEAKS[:2], {}),
    "single_instance_scaled": (single(2, 0.5), PEAKS[:2], {"input_scale": 0.5}),
    "centroid": (centroid(), [*CENTROIDS, "instance_valid"], {"max_instances": SLOTS}),
    "topdown": (topdown(), [*CROPS, "instance_valid"], {"max_instances": SLOTS}),
    "bottomup": (bottomup(), [*PEAKS, "line_scores", "candidate_mask"], {"edge_inds": EDGES}),
    "multi_class_bottomup": (
        multi_class_bottomup(),
        [*PEAKS, "class_probs"],
        {"input_scale": 0.5, "output_stride": 1, "class_names": CLASSES},
    ),
    # The metadata has the centroid network's scale.
    "multi_class_topdown_combined": (
        multi_class_topdown(),
        [*CROPS, "class_logits", "instance_valid"],
        {"output_stride": 1, "max_instances": SLOTS, "class_names": CLASSES},
    ),
}


def save(name, wrapper, outputs, fields):
    folder = HERE / name
    folder.mkdir(parents=True)
    path = folder / "model.onnx"
    export_to_onnx(wrapper.eval(), path, input_shape=(1, 3, HEIGHT, WIDTH), output_names=outputs)
    model = onnx.load(path)
    # The exporter leaves where in its own code each node comes from.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    if name.endswith("scaled"):
        # As sleap-nn leaves exports whose weights are larger.
        for leftover in folder.glob("*.data"):
            leftover.unlink()
        for tensor in model.graph.initializer:
            if tensor.name.endswith("weight"):
                set_external_data(tensor, location="model.onnx.data")
    onnx.save(model, path)
    for data in folder.glob("*.data"):
        data.chmod(0o644)
    metadata = {
        "model_type": name.removesuffix("_scaled"),
        "model_name": f"refine_{name}",
        "n_nodes": len(NODES),
        "node_names": NODES,
        "edge_inds": [],
        "input_channels": 3,
        "input_dtype": "uint8",
        "input_scale": 1.0,
        "output_stride": 2,
        "crop_size": [CROP, CROP] if "topdown" in name else None,
        "peak_threshold": 0.2,
        "max_height": HEIGHT,
        "max_width": WIDTH,
    } | fields
    (folder / "export_metadata.json").write_text(json.dumps(metadata, indent=2) + "\n")


if __name__ == "__main__":
    shutil.rmtree(HERE, ignore_errors=True)
    for name, toy in TOYS.items():
        save(name, *toy)

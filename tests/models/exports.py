"""Writes models as `sleap-nn export` does, with its own wrappers and exporter."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

import onnx
from networks import Only
from omegaconf import DictConfig, OmegaConf
from scenes import HEIGHT, WIDTH
from sleap_nn import __version__ as sleap_nn_version
from sleap_nn.export import utils
from sleap_nn.export.exporters.onnx_exporter import export_to_onnx
from sleap_nn.export.metadata import build_base_metadata, embed_metadata_in_onnx, hash_file
from sleap_nn.export.wrappers.bottomup import BottomUpONNXWrapper
from sleap_nn.export.wrappers.bottomup_multiclass import BottomUpMultiClassONNXWrapper
from sleap_nn.export.wrappers.centroid import CentroidONNXWrapper
from sleap_nn.export.wrappers.single_instance import SingleInstanceONNXWrapper
from sleap_nn.export.wrappers.topdown import TopDownONNXWrapper
from sleap_nn.export.wrappers.topdown_multiclass import TopDownMultiClassCombinedONNXWrapper
from torch import nn
from train import ANCHOR, COARSE, CROP, SCALE, SIGMA, STRIDE

CLASSES = ["gray", "pale", "black"]  # by the tone of their fur
INSTANCES = 4
CROPS = 3
PEAKS = 4
THRESHOLD = 0.2

Skeleton = tuple[list[str], list[list[int]]]


@dataclass
class Export:
    """A model before it is written."""

    kind: str
    wrapper: nn.Module
    outputs: list[str]
    # Training configurations by the name of their head: two for top-down models.
    configs: dict[str, DictConfig]
    extra: dict = field(default_factory=dict)


def config(
    head: str,
    leaves: dict,
    skeleton: Skeleton,
    *,
    colours: int = 1,
    scale: float = 1.0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    crop: int | None = None,
) -> DictConfig:
    """What sleap-nn keeps about a training, as far as it applies to these."""
    nodes, edges = skeleton
    heads = ["single_instance", "centroid", "centered_instance", "bottomup"]
    heads += ["multi_class_bottomup", "multi_class_topdown"]
    preprocessing = {
        "ensure_rgb": colours == 3,
        "ensure_grayscale": colours == 1,
        "max_height": size[1],
        "max_width": size[0],
        "scale": scale,
        "crop_size": crop,
        "min_crop_size": 100,
    }
    named = [{"source": {"name": nodes[a]}, "destination": {"name": nodes[b]}} for a, b in edges]
    unet = {"in_channels": colours, "kernel_size": 3, "max_stride": 16, "stem_stride": 2}
    unet |= {"up_interpolate": True, "convs_per_block": 2, "output_stride": STRIDE}
    return OmegaConf.create(
        {
            "data_config": {
                "provider": "LabelsReader",
                "preprocessing": preprocessing,
                "skeletons": [
                    {
                        "nodes": [{"name": name} for name in nodes],
                        "edges": named,
                        "symmetries": [],
                        "name": "synthetic_mouse",
                    }
                ],
            },
            "model_config": {
                "init_weights": "default",
                "backbone_config": {"unet": unet, "convnext": None, "swint": None},
                "head_configs": {name: leaves if name == head else None for name in heads},
            },
            "trainer_config": {"seed": 0, "optimizer_name": "AdamW", "optimizer": {"lr": 5e-3}},
            "name": "synthetic_mouse",
            "description": "Synthetic mice; made by tests/models/make.py",
            "sleap_nn_version": sleap_nn_version,
            "filename": "",
        }
    )


def leaf(**values) -> dict:
    """A head of maps at STRIDE, or what `values` say instead."""
    return {"sigma": SIGMA * STRIDE, "output_stride": STRIDE} | values


def single_instance(network: nn.Module, skeleton: Skeleton) -> Export:
    leaves = {"confmaps": leaf(part_names=skeleton[0])}
    cfg = config("single_instance", leaves, skeleton, colours=3, scale=SCALE)
    wrapper = SingleInstanceONNXWrapper(network, output_stride=STRIDE, input_scale=SCALE, peak_threshold=THRESHOLD)
    return Export("single_instance", wrapper, ["peaks", "peak_vals"], {"single_instance": cfg})


def centroid_config(skeleton: Skeleton) -> DictConfig:
    leaves = {"confmaps": leaf(anchor_part=ANCHOR)}
    return config("centroid", leaves, skeleton, scale=SCALE)


def centroid(network: nn.Module, skeleton: Skeleton) -> Export:
    wrapper = CentroidONNXWrapper(
        network,
        max_instances=INSTANCES,
        output_stride=STRIDE,
        input_scale=SCALE,
        peak_threshold=THRESHOLD,
    )
    outputs = ["centroids", "centroid_vals", "instance_valid"]
    extra = {"max_instances": INSTANCES}
    return Export("centroid", wrapper, outputs, {"centroid": centroid_config(skeleton)}, extra)


def stages(first: nn.Module, second: nn.Module, skeleton: Skeleton) -> dict:
    """The arguments that both top-down wrappers have in common."""
    return {
        "centroid_model": first,
        "instance_model": second,
        "max_instances": CROPS,
        "crop_size": (CROP, CROP),
        "centroid_output_stride": STRIDE,
        "instance_output_stride": STRIDE,
        "centroid_input_scale": SCALE,
        "instance_input_scale": 1.0,
        "n_nodes": len(skeleton[0]),
        "centroid_peak_threshold": THRESHOLD,
        "instance_peak_threshold": THRESHOLD,
    }


def topdown(first: nn.Module, second: nn.Module, skeleton: Skeleton) -> Export:
    confmaps = leaf(part_names=skeleton[0], anchor_part=ANCHOR)
    second = Only(copy.deepcopy(second), len(skeleton[0]), "CenteredInstanceConfmapsHead")
    configs = {
        "centroid": centroid_config(skeleton),
        "centered_instance": config("centered_instance", {"confmaps": confmaps}, skeleton, crop=CROP),
    }
    outputs = ["centroids", "centroid_vals", "peaks", "peak_vals", "instance_valid"]
    wrapper = TopDownONNXWrapper(**stages(first, second, skeleton))
    return Export("topdown", wrapper, outputs, configs, {"max_instances": CROPS})


def multi_class_topdown(first: nn.Module, second: nn.Module, skeleton: Skeleton) -> Export:
    heads = "CenteredInstanceConfmapsHead", "ClassVectorsHead"
    second = Only(copy.deepcopy(second), len(skeleton[0]), *heads)
    leaves = {
        "confmaps": leaf(part_names=skeleton[0], anchor_part=ANCHOR),
        "class_vectors": {"classes": CLASSES, "num_fc_layers": 1, "num_fc_units": 32},
    }
    configs = {
        "centroid": centroid_config(skeleton),
        "multi_class_topdown": config("multi_class_topdown", leaves, skeleton, crop=CROP),
    }
    outputs = ["centroids", "centroid_vals", "peaks", "peak_vals", "class_logits"]
    wrapper = TopDownMultiClassCombinedONNXWrapper(**stages(first, second, skeleton), n_classes=len(CLASSES))
    return Export(
        "multi_class_topdown_combined",
        wrapper,
        outputs + ["instance_valid"],
        configs,
        {"max_instances": CROPS},
    )


def bottomup(network: nn.Module, skeleton: Skeleton) -> Export:
    nodes, edges = skeleton
    heads = "MultiInstanceConfmapsHead", "PartAffinityFieldsHead"
    network = Only(copy.deepcopy(network), len(nodes), *heads)
    pafs = leaf(output_stride=COARSE, edges=[[nodes[a], nodes[b]] for a, b in edges])
    leaves = {"confmaps": leaf(part_names=nodes), "pafs": pafs}
    cfg = config("bottomup", leaves, skeleton, scale=SCALE)
    wrapper = BottomUpONNXWrapper(
        network,
        skeleton_edges=utils.resolve_edge_inds(cfg, nodes),
        n_nodes=len(nodes),
        max_peaks_per_node=PEAKS,
        cms_output_stride=STRIDE,
        pafs_output_stride=COARSE,
        input_scale=SCALE,
        peak_threshold=THRESHOLD,
    )
    outputs = ["peaks", "peak_vals", "peak_mask", "line_scores", "candidate_mask"]
    return Export("bottomup", wrapper, outputs, {"bottomup": cfg}, {"max_peaks_per_node": PEAKS})


def multi_class_bottomup(network: nn.Module, skeleton: Skeleton) -> Export:
    nodes = skeleton[0]
    network = Only(copy.deepcopy(network), len(nodes), "MultiInstanceConfmapsHead", "ClassMapsHead")
    leaves = {
        "confmaps": leaf(part_names=nodes),
        "class_maps": leaf(output_stride=COARSE, classes=CLASSES),
    }
    # Traced at the reduced size itself: frames are matched to it before the graph.
    size = (round(WIDTH * SCALE), round(HEIGHT * SCALE))
    cfg = config("multi_class_bottomup", leaves, skeleton, size=size)
    wrapper = BottomUpMultiClassONNXWrapper(
        network,
        n_nodes=len(nodes),
        n_classes=len(CLASSES),
        max_peaks_per_node=PEAKS,
        cms_output_stride=STRIDE,
        class_maps_output_stride=COARSE,
        peak_threshold=THRESHOLD,
    )
    outputs = ["peaks", "peak_vals", "peak_mask", "class_probs"]
    extra = {"max_peaks_per_node": PEAKS}
    return Export("multi_class_bottomup", wrapper, outputs, {"multi_class_bottomup": cfg}, extra)


def metadata(export: Export, config_hash: str):
    """The metadata that `sleap-nn export` derives from the training configurations."""
    heads, cfgs = list(export.configs), list(export.configs.values())
    nodes = utils.resolve_node_names(cfgs[-1], heads[-1])
    edges = utils.resolve_edge_inds(cfgs[-1], nodes)
    extra = dict(export.extra)
    if classes := utils.resolve_class_names(cfgs[-1], heads[-1]):
        extra |= {"n_classes": len(classes), "class_names": classes}
    made = build_base_metadata(
        export_format="onnx",
        model_type=export.kind,
        model_name="+".join(f"synthetic_mouse_{head}" for head in heads),
        checkpoint_path="",
        backbone="unet",
        n_nodes=len(nodes),
        n_edges=len(edges),
        node_names=nodes,
        edge_inds=edges,
        input_scale=utils.resolve_input_scale(cfgs[0]),
        input_channels=utils.resolve_input_channels(cfgs[0]),
        output_stride=utils.resolve_output_stride(cfgs[-1], heads[-1]),
        crop_size=utils.resolve_crop_size(cfgs[-1]),
        max_batch_size=8,
        training_config_hash=config_hash,
        training_config_embedded=True,
        peak_threshold=THRESHOLD,
        anchor_part=utils.resolve_anchor_part(cfgs[0], heads[0]),
        centroid_method=utils.resolve_centroid_method(cfgs[0], heads[0]),
        **extra,
    )
    made.export_timestamp = ""  # so that making it again changes nothing by itself
    return made


def write(export: Export, out: Path) -> None:
    """Writes model.onnx, export_metadata.json and the training configurations."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "model.onnx"
    shape = utils.resolve_input_shape(next(iter(export.configs.values())))
    export_to_onnx(export.wrapper.eval(), path, input_shape=shape, output_names=export.outputs)
    texts, hashes = {}, []
    for head, cfg in export.configs.items():
        alone = len(export.configs) == 1
        name = "training_config.yaml" if alone else f"training_config_{head}.yaml"
        OmegaConf.save(cfg, out / name)
        texts[head] = (out / name).read_text()
        hashes.append(hash_file(out / name) if alone else f"{head}:{hash_file(out / name)}")
    made = metadata(export, ";".join(hashes))
    made.save(out / "export_metadata.json")
    # sleap-nn embeds neither in this kind.
    if export.kind != "multi_class_topdown_combined":
        text = next(iter(texts.values())) if len(texts) == 1 else json.dumps(texts)
        embed_metadata_in_onnx(path, made, text)
    clean(path)


def clean(path: Path) -> None:
    """Takes out where the exporter's sources lay. Weights that it put into a file of their own,
    as it does for scaled single-instance models, stay in one."""
    beside = path.with_name("model.onnx.data")
    apart = beside.exists()
    model = onnx.load(str(path))
    for node in model.graph.node:
        del node.metadata_props[:]
    beside.unlink(missing_ok=True)
    onnx.save(model, str(path), save_as_external_data=apart, location=beside.name, size_threshold=1024)
    onnx.checker.check_model(str(path))

"""The manifests of examples/cluster/kubernetes: as Kubernetes defines them, with options and metrics that the worker has."""

import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples/cluster/kubernetes"
REFERENCE = (ROOT / "crates/sleap-worker/README.md").read_text()
MANIFESTS = [found for file in sorted(FOLDER.glob("*.yaml")) for found in yaml.safe_load_all(file.read_text())]


def name(manifest):
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


def kind(wanted):
    return [manifest for manifest in MANIFESTS if manifest["kind"] == wanted]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=name)
def test_manifests_follow_the_schemas(manifest):
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_a_field_that_does_not_exist_is_refused():
    manifest = kind("Deployment")[0]
    manifest = {**manifest, "spec": {**manifest["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("manifest", kind("Deployment"), ids=name)
def test_options_and_ports_are_the_workers(manifest):
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    options = [word.partition("=")[0] for word in container["args"] if word.startswith("--")]
    assert options
    for option in options:
        assert f"| `{option}" in REFERENCE, option
    assert any(str(port["containerPort"]) in word for port in container["ports"] for word in container["args"])


def test_probes_ask_what_the_worker_answers():
    worker = next(found for found in kind("Deployment") if found["metadata"]["name"] == "sleap-worker")
    pod = worker["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    paths = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {"/readyz", "/healthz"}
    assert all(f"| `{path}`" in REFERENCE for path in paths)
    (drain,) = (word for word in container["args"] if word.startswith("--drain-timeout="))
    assert int(drain.partition("=")[2]) < pod["terminationGracePeriodSeconds"]


def test_the_scaler_has_a_metric_of_the_worker():
    (scaler,) = kind("HorizontalPodAutoscaler")
    (metric,) = scaler["spec"]["metrics"]
    full = metric["pods"]["metric"]["name"]
    assert re.search(rf"^\| `{full.removeprefix('sleap_worker_')}`", REFERENCE, re.MULTILINE), full


def test_budget_and_service_select_pods_that_exist():
    labels = [deployment["spec"]["template"]["metadata"]["labels"] for deployment in kind("Deployment")]
    budget, service = kind("PodDisruptionBudget")[0]["spec"], kind("Service")[0]["spec"]
    assert budget["selector"]["matchLabels"] in labels
    assert service["selector"] in labels


def test_the_image_is_what_the_container_file_makes():
    text = (ROOT / "crates/python/packaging/Containerfile").read_text()
    assert 'ENTRYPOINT ["sleap-worker"]' in text
    version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    for deployment in kind("Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"].split(":")[1].removesuffix("-gpu") == version
    assert "ARG EXTRA=" in text

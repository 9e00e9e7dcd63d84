# shellcheck shell=bash disable=SC2034
# Where things are, for the scripts of this repository (sourced, not run).

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The worker looks for the ONNX Runtime library here.
runtime_dir="${XDG_DATA_HOME:-$HOME/.local/share}/sleap-stream/onnxruntime/lib"

# ONNX Runtime with OpenVINO, for its tests.
openvino_dir="${XDG_CACHE_HOME:-$HOME/.cache}/sleap-stream/openvino"

# The Python that the tests' peers run with.
peers_venv="${XDG_CACHE_HOME:-$HOME/.cache}/sleap-stream/peers"

# Triton and what it needs, for its test.
triton_venv="${XDG_CACHE_HOME:-$HOME/.cache}/sleap-stream/triton"

case ":$PATH:" in
  *":${CARGO_HOME:-$HOME/.cargo}/bin:"*) ;;
  *) PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin" ;;
esac

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

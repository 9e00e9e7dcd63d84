#!/usr/bin/env bash
# Installs what building and running need on Debian 12/13 or Ubuntu 24.04. Safe to repeat.
#   setup.sh           what building and running need
#   setup.sh --tests   and what the tests need
#   setup.sh --vm      and what the tests with a camera in a virtual machine need
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

onnxruntime_version=1.31.1
onnxruntime_oldest=1.24
openvino_version=1.24.1
rust_oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$repo/Cargo.toml")
python=/usr/bin/python3 # the one that python3-venv belongs to, whatever stands first in PATH

run_packages=(build-essential ca-certificates clang cmake curl libavcodec-dev libavformat-dev libavutil-dev
  libclang-dev libopencv-core-dev libopencv-imgproc-dev libswscale-dev nasm pkg-config python3 python3-venv)
genicam_packages=(libaravis-0.8-0)
test_packages=(dbus ffmpeg imagemagick man-db shellcheck tmux xdotool xvfb)
camera_packages=(aravis-tools gstreamer1.0-pipewire gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-tools pipewire pipewire-bin pipewire-v4l2 v4l-utils wireplumber)
view_packages=(chromium)
# Checks the service's unit; nothing of it is started.
service_packages=(systemd)
nat_packages=(coturn iproute2 nftables openssl procps)
cluster_packages=(munge slurm-client slurmctld slurmd)
vm_packages=(busybox-static cpio kmod qemu-system-x86 v4l-utils xz-utils)

# True if version $1 is $2 or newer.
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "installing packages needs root: run this as root, or install sudo"; fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" ||
    fail "apt-get $1 failed (see above). Check the network and /etc/apt/sources.list, then run this again"
}

lists_are_fresh=
refresh_lists() {
  [ -n "$lists_are_fresh" ] || { say "refreshing the package lists"; apt update; }
  lists_are_fresh=yes
}

# Prints those of the packages that are not installed.
missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

install_packages() {
  local absent
  mapfile -t absent < <(missing "$@")
  [ "${#absent[@]}" = 0 ] && return
  refresh_lists
  say "installing ${absent[*]}"
  apt install --no-install-recommends -y "${absent[@]}" >/dev/null
}

# install_without_services UNITS PACKAGES...: the tests start servers of their own; those that the packages would start stay off.
install_without_services() {
  local units=$1
  shift
  [ -n "$(missing "$@")" ] || return 0
  # shellcheck disable=SC2086 # several units
  if [ -d /run/systemd/system ]; then as_root systemctl --quiet mask $units; fi
  install_available_packages "$@"
}

has_candidate() { [[ $(LC_ALL=C apt-cache policy "$1") == *"Candidate: "[!\(]* ]]; }

# Older releases lack some of these; the check that needs them then says so.
install_available_packages() {
  local package available=()
  [ -z "$(missing "$@")" ] && return
  refresh_lists
  for package in "$@"; do
    if has_candidate "$package"; then available+=("$package")
    else say "this release has no package $package: going on without it"; fi
  done
  install_packages "${available[@]}"
}

# Ubuntu's chromium is a snap, which tests cannot drive: they go without it there.
install_view_packages() {
  if grep -q '^ID=ubuntu' /etc/os-release; then
    say "Ubuntu's Chromium is a snap: the live view is not tested in a browser"
  else
    install_available_packages "${view_packages[@]}"
  fi
}

rust_is_new_enough() {
  local version
  version=$(cd "$repo" && cargo --version 2>/dev/null | cut -d' ' -f2) && at_least "${version:-0}" "$rust_oldest"
}

install_rustup() {
  [ -n "$(missing rustup)" ] && refresh_lists
  if has_candidate rustup; then
    install_packages rustup
  else
    say "installing rustup with its own installer"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
      sh -s -- -q -y --no-modify-path --profile minimal --default-toolchain none ||
      fail "rustup's installer failed. Install Rust $rust_oldest or newer from https://rustup.rs, then run this again"
  fi
  hash -r
}

ensure_rust() {
  rust_is_new_enough && return
  say "Rust $rust_oldest or newer is needed; found: $(cargo --version 2>/dev/null || echo none)"
  command -v rustup >/dev/null || install_rustup
  rustup toolchain install stable --profile minimal --no-self-update >/dev/null ||
    fail "rustup could not install the stable toolchain. Check the network, then run this again"
  # Leaves the user's default toolchain, if there is one, as it is.
  rustup default >/dev/null 2>&1 || rustup default stable
  rust_is_new_enough || rustup override set stable --path "$repo"
  rust_is_new_enough || fail "cargo is still $(cargo --version 2>&1): put $(dirname "$(rustup which cargo)") first in PATH"
}

ensure_rust_tools() {
  (cd "$repo" && cargo clippy --version && cargo fmt --version) >/dev/null 2>&1 && return
  say "installing clippy and rustfmt"
  (cd "$repo" && rustup component add clippy rustfmt) ||
    fail "the tests need clippy and rustfmt of the Rust toolchain; install them and run this again"
}

# Settings of the user's own pip (user = true, a target folder) have no place in a virtual environment.
pip_in() {
  local venv=$1
  shift
  env -u PYTHONPATH -u PYTHONHOME -u PIP_TARGET -u PIP_PREFIX PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    "$venv/bin/python" -m pip --quiet "$@"
}

make_venv() {
  # A folder that is no virtual environment has been put there by hand.
  if [ -e "$1" ] && [ ! -f "$1/pyvenv.cfg" ]; then fail "$1 is there and is no virtual environment; move it away"; fi
  rm -rf "$1"
  mkdir -p "$(dirname "$1")"
  "$python" -m venv "$1" || fail "no virtual environment in $1. Is there space, and is python3-venv installed?"
}

runtime_version() {
  local library
  for library in "$runtime_dir"/libonnxruntime.so.*.*; do
    if [ -f "$library" ]; then echo "${library##*/libonnxruntime.so.}"; fi
  done | sort -V | tail -n 1
}

scratch=
trap 'rm -rf "$scratch"' EXIT

# unpack_library PACKAGE==VERSION FOLDER: the libraries of a Python package of ONNX Runtime; the Python it was built for
# does not matter.
unpack_library() {
  say "fetching ${1/==/ } into $2"
  mkdir -p "$2"
  scratch=$(mktemp -d "$2.XXXXXX")
  make_venv "$scratch/venv"
  pip_in "$scratch/venv" download --no-deps --only-binary=:all: --dest "$scratch" \
    --implementation cp --python-version 3.12 --abi cp312 --platform "manylinux_2_28_$(uname -m)" "$1" || return
  "$python" -m zipfile -e "$scratch"/onnxruntime*.whl "$scratch/wheel"
  mv "$scratch"/wheel/onnxruntime/capi/lib*.so* "$2/"
  rm -rf "$scratch"
}

ensure_onnxruntime() {
  local found
  found=$(runtime_version)
  [ -n "$found" ] && at_least "$found" "$onnxruntime_oldest" && return
  unpack_library "onnxruntime==$onnxruntime_version" "$runtime_dir" ||
    fail "ONNX Runtime could not be fetched. Check the network, or put libonnxruntime.so.$onnxruntime_oldest or newer into $runtime_dir"
  ln -sf "libonnxruntime.so.$onnxruntime_version" "$runtime_dir/libonnxruntime.so"
}

# There are packages for x86-64 alone; elsewhere its tests are left out.
ensure_openvino() {
  [ "$(uname -m)" = x86_64 ] && [ ! -f "$openvino_dir/libonnxruntime.so.$openvino_version" ] || return 0
  rm -rf "$openvino_dir"
  unpack_library "onnxruntime-openvino==$openvino_version" "$openvino_dir" ||
    fail "ONNX Runtime with OpenVINO could not be fetched. Check the network, then run this again"
}

ensure_peers() {
  local packages="$repo/tests/python/requirements.txt" alone="$repo/tests/python/without-dependencies.txt"
  local installed="$peers_venv/requirements.txt"
  cat "$packages" "$alone" | cmp -s - "$installed" && "$peers_venv/bin/python" -c pass 2>/dev/null && return
  say "installing the tests' Python packages into $peers_venv"
  make_venv "$peers_venv"
  { pip_in "$peers_venv" install --requirement "$packages" &&
    pip_in "$peers_venv" install --no-deps --requirement "$alone"; } ||
    fail "the tests' Python packages could not be installed. Check the network, then run this again"
  cat "$packages" "$alone" >"$installed"
}

main() {
  local tests='' vm='' argument
  for argument in "$@"; do
    case $argument in
      --tests) tests=yes ;;
      --vm) tests=yes vm=yes ;;
      *) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; [ "$argument" = --help ] && exit 0 || exit 2 ;;
    esac
  done
  command -v apt-get >/dev/null ||
    fail "this script knows Debian and Ubuntu. Elsewhere: install ${run_packages[*]}, Rust $rust_oldest and ONNX Runtime $onnxruntime_oldest or newer"
  install_packages "${run_packages[@]}"
  install_available_packages "${genicam_packages[@]}"
  pkg-config --atleast-version=59 libavcodec ||
    fail "FFmpeg 5 or newer is needed; this release has libavcodec $(pkg-config --modversion libavcodec). Use a newer release"
  ensure_rust
  ensure_onnxruntime
  if [ -n "$tests" ]; then
    install_packages "${test_packages[@]}"
    install_without_services coturn.service "${nat_packages[@]}"
    install_without_services "munge.service slurmctld.service slurmd.service" "${cluster_packages[@]}"
    install_available_packages "${camera_packages[@]}"
    install_view_packages
    install_available_packages "${service_packages[@]}"
    ensure_rust_tools
    ensure_openvino
    ensure_peers
  fi
  if [ -n "$vm" ]; then install_packages "${vm_packages[@]}"; fi
  say "ready: $(cd "$repo" && cargo --version), ONNX Runtime $(runtime_version)"
}

main "$@"

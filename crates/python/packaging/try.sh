#!/usr/bin/env bash
# Tries the wheel and the tarball where nothing is installed: in a fresh Debian with Python alone, which is deleted afterwards.
#   try.sh SUITE [WHEEL TARBALL]      SUITE: bookworm, trixie, bullseye; the others default to what is in dist
#   TRY_ARCH=aarch64 try.sh SUITE     on an emulated machine (Debian: binfmt-support and qemu-user-static too); slow
# Installs the wheel with what it needs from PyPI and uses all of it (first_use.py), then once more without a network from a
# folder of wheels, then the tarball. Prints the seconds of each step, and time and peak memory of --version.
# Needs root, and of Debian: binutils, debootstrap, iproute2, time, util-linux.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../examples/env.sh"

here=$repo/crates/python/packaging
suite=${1:?SUITE is missing: bookworm, trixie or bullseye}
arch=${TRY_ARCH:-$(uname -m)}
wheel=${2:-$(echo "$repo"/dist/sleap_stream-*-manylinux*_"$arch".whl)}
tarball=${3:-$(echo "$repo"/dist/sleap-stream-*-"$arch"-unknown-linux-gnu.tar.gz)}

# step WHAT COMMAND...: runs a command and prints its seconds. A failure anywhere in it ends the script.
doing=
step() {
  local started=${EPOCHREALTIME/./} ms
  doing=$1
  shift
  "$@"
  ms=$(((${EPOCHREALTIME/./} - started) / 1000))
  printf '==> %s: %s: %d.%d s\n' "$suite" "$doing" $((ms / 1000)) $((ms % 1000 / 100))
}

folder=
ended() {
  local status=$?
  [ "$status" = 0 ] || printf 'error: %s: %s failed\n' "$suite" "$doing" >&2
  [ -z "$folder" ] || rm -rf --one-file-system "$folder"
}
trap ended EXIT

fresh_system() {
  local mirror debian
  # As Debian calls it.
  case $arch in
    x86_64) debian=amd64 ;;
    aarch64) debian=arm64 ;;
    *) debian=$arch ;;
  esac
  # shellcheck disable=SC2016 # apt-get replaces it
  mirror=$(apt-get indextargets --format '$(SITE)' | grep -m 1 '/debian$')
  debootstrap --arch="$debian" --variant=minbase --include=ca-certificates,python3-venv "$suite" "$folder/system" "$mirror" \
    >"$folder/log" 2>&1 || { tail "$folder/log" >&2; return 1; }
}

# The rest of this script runs in a namespace of its own, with which all mounts end.
prepare() {
  folder=$(mktemp -d)
  step "a fresh system with Python" fresh_system
  mkdir "$folder/system/try"
  cp -r "$repo/examples/demo" "$here/first_use.py" "$wheel" "$tarball" "$folder/system/try/"
  : >"$folder/system/try/constraints"
  # QEMU 7.2 does not load newer ones.
  [ "$arch" = "$(uname -m)" ] || echo 'onnxruntime<1.28' >"$folder/system/try/constraints"
  doing="what is tried in it"
  TRY_ROOT=$folder/system unshare --mount --propagation private "$0" "$suite" "$wheel" "$tarball"
}

inside() {
  chroot "$TRY_ROOT" env -i PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_CONSTRAINT=/try/constraints "$@"
}

# Loopback is all the network that there is.
offline_inside() {
  unshare --net bash -c 'ip link set lo up && exec chroot "$@"' - "$TRY_ROOT" env -i PATH=/usr/bin:/bin HOME=/root \
    LANG=C.UTF-8 "$@"
}

# ONNX Runtime's packages are for Python 3.11 and newer. What the worker loads of them is for any Python.
has_runtime() { inside python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; }

# install IN VENV OPTIONS...: as the README says it.
install() {
  local in=$1 venv=/try/$2
  shift 2
  "$in" python3 -m venv "$venv"
  if has_runtime; then
    "$in" "$venv/bin/pip" install -q "$@" "/try/${wheel##*/}[cpu]"
  else
    "$in" "$venv/bin/pip" install -q "$@" "/try/${wheel##*/}"
    "$in" "$venv/bin/pip" install -q "$@" --no-deps --ignore-requires-python --only-binary=:all: --python-version 3.12 \
      --target "$venv/lib/$(inside readlink /usr/bin/python3)/site-packages" onnxruntime
  fi
}

fill_wheelhouse() {
  local into=(/try/online/bin/pip download -q --dest /try/wheels)
  if has_runtime; then inside "${into[@]}" "/try/${wheel##*/}[cpu]"
  else
    inside "${into[@]}" "/try/${wheel##*/}"
    inside "${into[@]}" --no-deps --only-binary=:all: --python-version 3.12 onnxruntime
  fi
}

# The programs of a folder, and a runtime beside them.
use_tarball() {
  local programs
  inside tar -xzf "/try/${tarball##*/}" -C /try
  programs=/try/${tarball##*/}
  programs=${programs%.tar.gz}
  inside sh -c "cp /try/online/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.* $programs/"
  # Nothing of the environment with the wheel is found.
  offline_inside "$programs/sleap-worker" doctor --model "$programs/demo/model" | tee "$TRY_ROOT/try/doctor"
  grep -q "$programs/libonnxruntime" "$TRY_ROOT/try/doctor"
}

versions() {
  local program
  for program in sleap-stream sleap-worker; do
    inside "/try/online/bin/$program" --version >/dev/null
    command time -f "    $program --version: %e s, %M KiB at peak" \
      chroot "$TRY_ROOT" "/try/online/bin/$program" --version >/dev/null
    readelf -d "$TRY_ROOT/try/online/bin/$program" | sed -n "s/.*NEEDED.*\[/    $program needs /; s/\]$//p"
  done
}

use_online() {
  local started=${EPOCHREALTIME}
  install inside online
  inside "STARTED=$started" /try/online/bin/python /try/first_use.py /try/demo /try/online/out
}

try() {
  mount -t proc proc "$TRY_ROOT/proc"
  mount --rbind /dev "$TRY_ROOT/dev"
  mount --rbind /sys "$TRY_ROOT/sys"
  cp /etc/resolv.conf /etc/hosts "$TRY_ROOT/etc/"
  # A network may have a certificate of its own.
  [ -z "${PIP_CERT:-}" ] || cp "$PIP_CERT" "$TRY_ROOT/etc/ssl/certs/ca-certificates.crt"
  step "installed and used" use_online
  versions
  step "a folder of wheels" fill_wheelhouse
  step "installed without a network" install offline_inside offline --no-index --find-links /try/wheels
  step "used without a network" offline_inside /try/offline/bin/python /try/first_use.py /try/demo /try/offline/out
  step "the tarball" use_tarball
}

if [ -n "${TRY_ROOT:-}" ]; then try; else prepare; fi

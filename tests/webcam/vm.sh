#!/usr/bin/env bash
# Runs a command in a virtual machine that has a camera: Debian's own kernel with its virtual camera,
# vivid, as /dev/video0, under QEMU.
#   vm.sh COMMAND...
# The command sees this machine's files read-only, an empty /tmp, and loopback networking. Returns its
# status; 125 if the machine did not come up, 77 if a program it needs is missing.
# SLEAP_STREAM_VM_SECONDS (300) and SLEAP_STREAM_VM_MEMORY (2048, in MiB) set the machine's limits.
set -euo pipefail

unavailable() { echo "vm.sh: $2" >&2; exit "$1"; }

for program in qemu-system-x86_64 busybox cpio depmod modprobe xz; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null ||
    unavailable 77 "$program is missing: run examples/setup.sh --vm"
done
PATH=$PATH:/usr/sbin:/sbin
[ "$#" -gt 0 ] || unavailable 125 "usage: vm.sh COMMAND..."

modules=(virtio_pci 9pnet_virtio 9p vivid)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sleap-stream/vm
mkdir -p "$cache"

# Prints the name of the package that has Debian's current kernel.
kernel_package() {
  LC_ALL=C apt-cache depends linux-image-amd64 2>/dev/null |
    sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | sort -V | tail -n 1
}

# fetch_kernel PACKAGE FOLDER: the kernel and its modules, unpacked and not installed.
fetch_kernel() {
  echo "vm.sh: fetching $1" >&2
  mkdir -p "$2"
  (cd "$2" && apt-get -qq download "$1" 2>/dev/null && dpkg-deb -x "$1"_*.deb unpacked && rm "$1"_*.deb) ||
    unavailable 125 "the package $1 could not be fetched: run apt-get update, then this again"
  # Releases with a merged /usr keep modules there.
  [ -d "$2/unpacked/lib/modules" ] || ln -s usr/lib "$2/unpacked/lib"
  depmod -b "$2/unpacked" "${1#linux-image-}"
}

# The first program of the machine: loads the modules, opens the shared root, runs the command.
init_script() {
  cat <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
  case $module in
    */??-vivid.ko) insmod "$module" n_devs=1 node_types=0x1 num_inputs=1 input_types=0 ;;
    *) insmod "$module" ;;
  esac || echo "vm.sh: no module $module"
done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose root /host
mount -t tmpfs tmpfs /host/tmp
mount -t tmpfs tmpfs /host/run
mount --move /dev /host/dev
mount --move /proc /host/proc
mount -t sysfs sys /host/sys
mkdir /host/dev/shm
mount -t tmpfs shm /host/dev/shm
ln -s /proc/self/fd /host/dev/fd
ip link set lo up
command=$(sed -n 's/.*vm_command=\([^ ]*\).*/\1/p' /host/proc/cmdline)
echo "vm.sh: begin"
chroot /host /bin/bash "$command"
echo "vm.sh: status $?"
poweroff -f
INIT
}

# build_initramfs KERNEL VERSION OUTPUT: busybox, the init script and the modules, numbered in load order.
build_initramfs() {
  local unpacked=$1 version=$2 tree number=10 file
  tree=$(mktemp -d "$cache/tree.XXXXXX")
  mkdir -p "$tree"/{bin,dev,proc,host,modules}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  init_script >"$tree/init"
  chmod +x "$tree/init"
  while read -r file; do
    [ -z "$(find "$tree/modules" -name "??-$(basename "${file%.xz}")")" ] || continue
    case $file in
      *.xz) xz -dc "$file" >"$tree/modules/$number-$(basename "${file%.xz}")" ;;
      *) cp "$file" "$tree/modules/$number-$(basename "$file")" ;;
    esac
    number=$((number + 1))
  done < <(for module in "${modules[@]}"; do
    modprobe -d "$unpacked" -S "$version" --show-depends "$module"
  done | sed -n 's/^insmod \([^ ]*\).*/\1/p')
  (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$3"
  rm -rf "$tree"
}

# Prints the folder with vmlinuz and initramfs.gz of the current kernel, which it makes where it is new.
prepare() {
  local package version folder scratch
  package=$(kernel_package)
  [ -n "$package" ] || unavailable 125 "apt knows no Debian kernel: this needs Debian, after apt-get update"
  version=${package#linux-image-}
  folder=$cache/$version-$(init_script | cksum | cut -d' ' -f1)
  if [ ! -d "$folder" ]; then
    scratch=$(mktemp -d "$cache/new.XXXXXX")
    fetch_kernel "$package" "$scratch"
    build_initramfs "$scratch/unpacked" "$version" "$scratch/initramfs.gz"
    mv "$scratch/unpacked/boot/vmlinuz-$version" "$scratch/vmlinuz"
    rm -rf "$scratch/unpacked"
    mv "$scratch" "$folder"
  fi
  echo "$folder"
}

# What the machine runs, in a file that it can read: the command, its environment and its folder.
write_command() {
  printf 'export HOME=%q PATH=%q TERM=dumb XDG_DATA_HOME=%q\ncd %q\nexec' \
    /tmp "$PATH" "${XDG_DATA_HOME:-$HOME/.local/share}" "$PWD"
  printf ' %q' "$@"
  echo
}

folder=$(prepare)
command_file=$(mktemp "$cache/command.XXXXXX")
trap 'rm -f "$command_file" "$command_file.log"' EXIT
write_command "$@" >"$command_file"

# Emulated in software: hardware virtualisation inside a virtual machine is not to be relied on.
timeout "${SLEAP_STREAM_VM_SECONDS:-300}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 \
  -m "${SLEAP_STREAM_VM_MEMORY:-2048}" -nodefaults -no-reboot -nographic -serial stdio \
  -kernel "$folder/vmlinuz" -initrd "$folder/initramfs.gz" \
  -append "console=ttyS0 quiet loglevel=1 panic=-1 vm_command=$command_file" \
  -virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap </dev/null |
  tr -d '\r' | tee "$command_file.log" | sed -un '/vm.sh: begin$/,/^vm.sh: status /{/vm.sh: /!p}' || true

status=$(sed -n 's/^vm.sh: status \([0-9]*\)$/\1/p' "$command_file.log" | tail -n 1)
if [ -z "$status" ]; then
  tail -n 20 "$command_file.log" >&2
  unavailable 125 "the machine did not come to the command's end"
fi
exit "$status"

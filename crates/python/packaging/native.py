"""Builds the C and C++ libraries of the programs: static, for an old glibc, for any machine.

zig (from PyPI) is the compiler: it brings the glibc symbols of every version and the C++ library, for all targets.
FFmpeg is configured under the LGPL. What is built is kept in a cache, by everything that it depends on.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys

import sources

GLIBC = "2.28"

# No encoder but those of recordings; no device, filter, hardware or program.
FFMPEG = shlex.split("""
--disable-everything --disable-autodetect --disable-programs --disable-doc --disable-debug --disable-avdevice
--disable-avfilter --disable-swresample --disable-postproc --enable-static --disable-shared --enable-pic
--enable-network --enable-version3 --enable-zlib --enable-mbedtls --enable-libdav1d
--enable-demuxers --enable-parsers --enable-protocols --enable-bsfs
--enable-encoder=mpeg4 --enable-muxer=avi,matroska,mp4
""")

OPENCV = shlex.split("""
BUILD_LIST=core,imgproc BUILD_SHARED_LIBS=OFF CMAKE_BUILD_TYPE=Release CMAKE_POSITION_INDEPENDENT_CODE=ON
BUILD_TESTS=OFF BUILD_PERF_TESTS=OFF BUILD_EXAMPLES=OFF BUILD_opencv_apps=OFF BUILD_DOCS=OFF BUILD_ZLIB=OFF
BUILD_opencv_python2=OFF BUILD_opencv_python3=OFF BUILD_JAVA=OFF BUILD_opencv_js=OFF OPENCV_GENERATE_PKGCONFIG=OFF
WITH_FFMPEG=OFF WITH_GSTREAMER=OFF WITH_GTK=OFF WITH_QT=OFF WITH_OPENCL=OFF WITH_IPP=OFF WITH_ITT=OFF WITH_LAPACK=OFF
WITH_EIGEN=OFF WITH_PROTOBUF=OFF WITH_TIFF=OFF WITH_OPENEXR=OFF WITH_WEBP=OFF WITH_OPENJPEG=OFF WITH_JASPER=OFF
WITH_AVIF=OFF WITH_JPEG=OFF WITH_PNG=OFF WITH_V4L=OFF WITH_1394=OFF WITH_VA=OFF WITH_QUIRC=OFF WITH_ADE=OFF
WITH_KLEIDICV=OFF WITH_CAROTENE=OFF WITH_OBSENSOR=OFF WITH_VTK=OFF OPENCV_DISABLE_THREAD_SUPPORT=OFF
""")


class Target:
    """A machine: `arch` as Rust names it, `x86_64` or `aarch64`."""

    def __init__(self, arch):
        self.arch = arch
        self.rust = f"{arch}-unknown-linux-gnu"
        self.zig = f"{arch}-linux-gnu.{GLIBC}"


class Libraries:
    """The built libraries: a prefix with `lib`, `include` and `lib/pkgconfig`."""

    def __init__(self, prefix, built_from):
        self.prefix = prefix
        self.built_from = built_from

    def environment(self):
        """What cargo needs to link them in the place of the system's."""
        include = self.prefix / "include/opencv5"
        archives = sorted(path.stem[3:] for path in self.prefix.glob("lib/libopencv_*.a"))
        # In the order of use.
        order = [name for name in ("imgproc", "geometry", "flann", "core") if f"opencv_{name}" in archives]
        links = [f"static=opencv_{name}" for name in order] + ["static=z"]
        return {
            "PKG_CONFIG_LIBDIR": str(self.prefix / "lib/pkgconfig"),
            "PKG_CONFIG_PATH": "",
            "PKG_CONFIG_ALLOW_CROSS": "1",
            "PKG_CONFIG_ALL_STATIC": "1",
            "OPENCV_LINK_LIBS": ",".join(links),
            "OPENCV_LINK_PATHS": str(self.prefix / "lib"),
            "OPENCV_INCLUDE_PATHS": str(include),
            "OPENCV_DISABLE_PROBES": "pkg_config,cmake,vcpkg_cmake,vcpkg",
        }


def build(target, cache):
    """The libraries for `target`, built where the cache does not have them."""
    wanted = sources.read()
    key = hashlib.sha256()
    for name in ("native.py", "sources.toml"):
        key.update((sources.HERE / name).read_bytes())
    prefix = cache / "libraries" / f"{target.rust}-{key.hexdigest()[:16]}"
    for source in wanted.values():
        source.unpack(cache / "sources")
    done = {name: prefix / f".built-{name}" for name in STEPS}
    if not all(mark.exists() for mark in done.values()):
        work = cache / "work" / target.rust
        shutil.rmtree(work, ignore_errors=True)
        builder = _Builder(target, prefix, work)
        for name, step in STEPS.items():
            if not done[name].exists():
                print(f"==> {name} {wanted[name].version} for {target.rust}", flush=True)
                step(builder, wanted[name].folder)
                done[name].touch()
        shutil.rmtree(work)
    return Libraries(prefix, list(wanted.values()))


class _Builder:
    def __init__(self, target, prefix, work):
        self.target = target
        self.prefix = prefix
        self.work = work
        self.tools = work / "tools"
        self.tools.mkdir(parents=True)
        prefix.mkdir(parents=True, exist_ok=True)
        zig = f"exec {sys.executable} -m ziglang"
        # `zig cc` takes neither -dumpversion nor some of the linker's flags; what is built here needs none of them.
        for name, command in {
            "cc": f"cc -target {target.zig} -fno-sanitize=undefined",
            "c++": f"c++ -target {target.zig} -fno-sanitize=undefined",
            "ar": "ar",
            "ranlib": "ranlib",
        }.items():
            path = self.tools / name
            path.write_text(f'#!/bin/sh\n{zig} {command} "$@"\n')
            path.chmod(0o755)

    def folder(self, name):
        path = self.work / name
        path.mkdir()
        return path

    def run(self, *command, cwd, **variables):
        environment = os.environ | {
            "PKG_CONFIG_LIBDIR": str(self.prefix / "lib/pkgconfig"),
            "PKG_CONFIG_PATH": "",
            "CC": str(self.tools / "cc"),
            "CXX": str(self.tools / "c++"),
            "AR": str(self.tools / "ar"),
            "RANLIB": str(self.tools / "ranlib"),
            **variables,
        }
        for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS"):
            environment.setdefault(name, "-O2")
        log = self.work / f"{cwd.name}.log"
        with open(log, "a") as file:
            done = subprocess.run(
                [str(word) for word in command],
                check=False,
                cwd=cwd,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        if done.returncode:
            lines = log.read_text(errors="replace").splitlines()[-40:]
            sys.exit("\n".join([*lines, f"error: {command[0]} failed; all of its output is in {log}"]))

    def cmake(self, source, name, settings):
        cwd = self.folder(name)
        settings = [
            *settings,
            f"CMAKE_INSTALL_PREFIX={self.prefix}",
            "CMAKE_INSTALL_LIBDIR=lib",
            f"CMAKE_PREFIX_PATH={self.prefix}",
            f"CMAKE_C_COMPILER={self.tools / 'cc'}",
            f"CMAKE_CXX_COMPILER={self.tools / 'c++'}",
            f"CMAKE_AR={self.tools / 'ar'}",
            f"CMAKE_RANLIB={self.tools / 'ranlib'}",
            "CMAKE_SYSTEM_NAME=Linux",
            f"CMAKE_SYSTEM_PROCESSOR={self.target.arch}",
        ]
        self.run("cmake", "-G", "Ninja", source, *(f"-D{setting}" for setting in settings), cwd=cwd)
        self.run("cmake", "--build", ".", "--target", "install", cwd=cwd)


def _zlib(builder, source):
    cwd = builder.folder("zlib")
    shutil.copytree(source, cwd, dirs_exist_ok=True)
    builder.run("./configure", "--static", f"--prefix={builder.prefix}", cwd=cwd, CFLAGS="-O2 -fPIC")
    builder.run("make", "install", cwd=cwd)


def _mbedtls(builder, source):
    builder.cmake(
        source,
        "mbedtls",
        ["CMAKE_BUILD_TYPE=Release", "ENABLE_PROGRAMS=OFF", "ENABLE_TESTING=OFF", "CMAKE_POSITION_INDEPENDENT_CODE=ON"],
    )


def _dav1d(builder, source):
    cwd = builder.folder("dav1d")
    cross = cwd / "cross.ini"
    arch = builder.target.arch
    cross.write_text(
        f"[binaries]\nc = '{builder.tools / 'cc'}'\nar = '{builder.tools / 'ar'}'\nnasm = 'nasm'\npkg-config = 'pkg-config'\n"
        f"[host_machine]\nsystem = 'linux'\ncpu_family = '{arch}'\ncpu = '{arch}'\nendian = 'little'\n"
    )
    options = ["--buildtype=release", "--default-library=static", "-Denable_tools=false", "-Denable_tests=false"]
    places = [f"--prefix={builder.prefix}", "--libdir=lib", f"--cross-file={cross}"]
    builder.run("meson", "setup", *options, *places, "build", source, cwd=cwd)
    builder.run("meson", "install", "-C", "build", cwd=cwd)


def _ffmpeg(builder, source):
    cwd = builder.folder("ffmpeg")
    tools = [f"--{name}={builder.tools / tool}" for name, tool in
             {"cc": "cc", "cxx": "c++", "ar": "ar", "ranlib": "ranlib", "ld": "cc"}.items()]  # fmt: skip
    machine = [
        "--enable-cross-compile",
        "--target-os=linux",
        f"--arch={builder.target.arch}",
        "--pkg-config=pkg-config",
    ]
    flags = [f"--extra-cflags=-I{builder.prefix / 'include'}", f"--extra-ldflags=-L{builder.prefix / 'lib'}"]
    decoders = [f"--enable-decoder={name}" for name in [*_video_decoders(source), "libdav1d"]]
    builder.run(
        source / "configure", f"--prefix={builder.prefix}", *tools, *machine, *flags, "--pkg-config-flags=--static",
        *FFMPEG, *decoders, cwd=cwd,
    )  # fmt: skip
    # The old glibc has the function, zig's headers no longer its declaration; Linux does without.
    config = cwd / "config.h"
    config.write_text(config.read_text().replace("#define HAVE_SYSCTL 1", "#define HAVE_SYSCTL 0"))
    builder.run("make", f"-j{os.cpu_count()}", "install", cwd=cwd)


def _video_decoders(source):
    """FFmpeg's own decoders of video and pictures: those above the list of codecs for sound."""
    text = (source / "libavcodec/allcodecs.c").read_text()
    video, mark, _ = text.partition("/* audio codecs */")
    names = re.findall(r"^extern const FFCodec ff_(\w+)_decoder;", video, re.MULTILINE)
    # Those of a machine's hardware.
    hardware = re.compile(r"_(amf|crystalhd|cuvid|mediacodec|mmal|qsv|rkmpp|v4l2m2m|videotoolbox|vaapi|vdpau)$")
    if not mark or len(names) < 100:
        sys.exit("error: FFmpeg's list of codecs has another form than was expected")
    return [name for name in names if not hardware.search(name)]


def _opencv(builder, source):
    builder.cmake(
        source / "opencv",
        "opencv",
        [
            *OPENCV,
            f"ZLIB_INCLUDE_DIR={builder.prefix / 'include'}",
            f"ZLIB_LIBRARY={builder.prefix / 'lib/libz.a'}",
            "OPENCV_LIB_INSTALL_PATH=lib",
            "OPENCV_LIB_ARCHIVE_INSTALL_PATH=lib",
            "OPENCV_INCLUDE_INSTALL_PATH=include/opencv5",
            # What is chosen at run time, above what every such processor has.
            *(["CPU_BASELINE=SSE2", "CPU_DISPATCH=SSE4_2,AVX2"] if builder.target.arch == "x86_64" else []),
        ],
    )


STEPS = {
    "zlib": _zlib,
    "mbedtls": _mbedtls,
    "dav1d": _dav1d,
    "ffmpeg": _ffmpeg,
    "opencv-python-headless": _opencv,
}

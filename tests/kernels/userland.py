# SPDX-License-Identifier: BSD-2-Clause
"""Debian's files for another architecture: what to compile against, and what a guest runs.

By apt as the kernels are, from the suite of this machine, with all that they depend on; unpacked
into folders of the cache and never installed.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

from archive import Archive, run

SYSROOT = ["libbpf-dev", "libcli11-dev", "libelf-dev", "libgnutls28-dev", "libmd-dev", "libmicrohttpd-dev",
           "libseccomp-dev", "libspdlog-dev", "libstdc++-12-dev", "libyaml-cpp-dev", "nlohmann-json3-dev",
           "doctest-dev", "zlib1g-dev"]
GUEST = ["bash", "bpftool", "busybox-static", "dash", "ethtool", "iproute2", "kmod", "libbpf1",
         "libcap2-bin", "libelf1", "libmd0", "libseccomp2", "libspdlog1.10", "libyaml-cpp0.7", "mount",
         "netbase", "python3", "python3-jsonschema", "strace", "util-linux", "wireguard-tools",
         "xdp-tools", "zlib1g"]
MERGED = ["bin", "sbin", "lib", "lib64"]


def unpacked(cache, arch, name, packages):
    """A folder of the cache with the packages and their dependencies, fetched when it is not there
    yet or is of another list."""
    folder = pathlib.Path(cache) / "userland" / f"{name}-{arch}"
    wanted = "\n".join([suite(), *packages]) + "\n"
    mark = folder.with_suffix(".packages")
    if folder.exists() and mark.exists() and mark.read_text() == wanted:
        return folder
    print(f"ci/kernels: fetching {len(packages)} packages of {arch} and their dependencies",
          flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    archive = Suite(cache, arch)
    with archive.locked(), tempfile.TemporaryDirectory(dir=folder.parent) as work:
        made = pathlib.Path(work, "root")
        prepare(made)
        for package in archive.fetch(packages, pathlib.Path(work)):
            unpack(package, made)
        make_links_relative(made)
        os.rename(made, folder)
    mark.write_text(wanted)
    return folder


class Suite(Archive):
    """The suite of this machine, for another architecture; lists of its own beside the kernels'."""

    def __init__(self, cache, arch):
        super().__init__(cache, arch)
        self.apt_folder = self.cache / "apt" / f"userland-{arch}"

    def fetch(self, packages, work):
        """The files of the packages and of all that they depend on."""
        self._update([suite(), f"{suite()}-security"])
        (work / "partial").mkdir()
        run(*self._apt("apt-get"), "-o", f"Dir::Cache::archives={work}", "--no-install-recommends",
            "--download-only", "--yes", "install", *packages)
        return sorted(work.glob("*.deb"))


def suite():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise ValueError("/etc/os-release has no VERSION_CODENAME: which suite of Debian is this?")


def prepare(folder):
    """/bin and so on are links below /usr, which no package holds."""
    for name in MERGED:
        (folder / "usr" / name).mkdir(parents=True)
        os.symlink(f"usr/{name}", folder / name)


def unpack(package, folder):
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", folder],
                   stdin=tar.stdout, check=True)
    tar.stdout.close()
    if tar.wait() != 0:
        raise OSError(f"{package} does not unpack")


def make_links_relative(folder):
    """What points to /lib/x is to point there within the folder."""
    for path in folder.rglob("*"):
        if path.is_symlink() and (target := os.readlink(path)).startswith("/"):
            inside = os.path.relpath(folder / target.lstrip("/"), path.parent.resolve())
            path.unlink()
            path.symlink_to(inside)

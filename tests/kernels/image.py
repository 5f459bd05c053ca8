# SPDX-License-Identifier: BSD-2-Clause
"""What a guest boots from: one root image for every kernel, with our binaries and the tools of this
machine that the tests call; an image of the kernel's modules; a small initramfs that mounts both.

The binaries are those of this machine with the libraries that they run with here, and the BPF
objects are those of the build: nothing is compiled for a kernel.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

from archive import run

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
PLACE = "dynmon"  # the project's folder in the guest
BUILT = ["dynmon-load", "bpf", "probes", "e2e/probes", "exact/probes", "test-probes/probes",
         "tests/bpf/dynmon-bpf-tests", "tests/exact/packet-storm",
         "tests/random/random-programs", "tests/unit/policy/raw.bpf.o"]
TOOLS = ["busybox", "sh", "bash", "ip", "tc", "ss", "prlimit", "unshare", "nsenter", "mount", "umount", "kmod",
         "modprobe", "python3", "strace", "setpriv", "capsh", "dmesg", "bpftool", "xdp-loader",
         "ethtool", "wg"]
# What cloud kernels may have as modules and not built in, in the order of loading.
BOOT_MODULES = ["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_console", "ext4"]
PYTHON_PACKAGES = ["jsonschema"]
CONFIGURATION = ["passwd", "group", "nsswitch.conf", "protocols", "services", "iproute2"]


def root_image(build, path, userland=None, probes=None):
    """`userland`: a folder of another architecture's programs, and None for this machine's.
    `probes`: {name: folder} of probes that this machine has imported."""
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work, "root")
        root = ForeignRoot(folder, userland) if userland else Root(folder)
        root.add_tools()
        for name in CONFIGURATION:
            if os.path.exists(f"/etc/{name}"):
                root.add(f"/etc/{name}")
        root.add_project(pathlib.Path(build))
        for name, place in (probes or {}).items():
            shutil.copytree(place, root.folder / PLACE / "build" / name)
        root.finish()
        make_ext4(root.folder, path)


def modules_image(kernel, path):
    make_ext4(kernel / "lib/modules", path)


def make_ext4(folder, path):
    used = sum(-(-file.lstat().st_size // 4096) + 1 for file in folder.rglob("*")) * 4096
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}")
    run("/sbin/mke2fs", "-q", "-t", "ext4", "-b", 4096, "-O", "^has_journal", "-m", 0,
        "-E", "root_owner=0:0", "-d", folder, new, f"{(used * 11 // 10 + (16 << 20)) >> 10}k")
    os.rename(new, path)


def third_parties(packages):
    """The folders and files behind packages that are not Python's own, with those that they need."""
    say = "print(*(getattr(each, '__file__', None) for each in sys.modules.values()), sep='\\n')"
    files = run("/usr/bin/python3", "-c", f"import sys, {', '.join(packages)}\n{say}").split("\n")
    place = "/usr/lib/python3/dist-packages/"
    return sorted({place + file.removeprefix(place).split("/")[0] for file in files
                   if file.startswith(place)})


class Root:
    def __init__(self, folder):
        self.folder = folder
        self.seen = set()
        for name in ("dev", "proc", "sys", "tmp", "run", "mnt", "root", "etc", "usr/bin",
                     "usr/sbin", "usr/lib/modules", "var", PLACE):
            (folder / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            os.symlink(f"usr/{name}", folder / name)
        os.symlink("/run", folder / "var/run")
        (folder / "tmp").chmod(0o1777)
        folder.chmod(0o755)

    def add(self, path):
        """A file or folder of this machine at its own place, with what it needs to run."""
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if path in self.seen:
            return
        self.seen.add(path)
        inside = self.folder / path.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        if os.path.islink(path):
            os.symlink(os.readlink(path), inside)
            self.add(os.path.join(os.path.dirname(path), os.readlink(path)))
        elif os.path.isdir(path):
            inside.mkdir(exist_ok=True)
            for name in os.listdir(path):
                self.add(f"{path}/{name}")
        else:
            shutil.copy2(path, inside)
            self.add_libraries(path)

    def add_libraries(self, path):
        with open(path, "rb") as file:
            if file.read(4) != b"\x7fELF" or path.endswith(".o"):
                return
        said = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        if "not found" in said:
            raise FileNotFoundError(f"{path} lacks libraries:\n{said}")
        for library in re.findall(r"(/\S+) \(0x", said):
            target = f"/usr/lib64/{library[len('/lib64/'):]}" if library.startswith("/lib64/") \
                else library
            self.add(target if os.path.exists(target) else library)

    def add_tools(self):
        for tool in TOOLS:
            found = shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin")
            if found is None:
                raise FileNotFoundError(f"the guests need {tool}")
            self.add(found)
        self.add_python()

    def add_python(self):
        library = f"/usr/lib/{pathlib.Path(os.path.realpath('/usr/bin/python3')).name}"
        left_out = {"test", "idlelib", "tkinter", "ensurepip", "lib2to3", "pydoc_data",
                    "turtledemo", "dist-packages"}
        for name in os.listdir(library):
            if name not in left_out and not name.startswith("config-"):
                self.add(f"{library}/{name}")
        for path in third_parties(PYTHON_PACKAGES):
            self.add(path)

    def add_project(self, build):
        place = self.folder / PLACE
        for name in ("tests", "schemas", "probes", "vmlinux"):
            shutil.copytree(SOURCE / name, place / name,
                            ignore=shutil.ignore_patterns("__pycache__", "fuzz"))
        for name in BUILT:
            source, target = build / name, place / "build" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
                self.add_libraries(str(source))

    def finish(self):
        """busybox for every command that is not there."""
        for path in run("/usr/bin/busybox", "--list-full").split():
            name = os.path.basename(path)
            places = [self.folder / "usr" / folder / name for folder in ("bin", "sbin")]
            if not any(os.path.lexists(place) for place in places):
                os.symlink("busybox", places[0])
        for file in self.folder.rglob("*"):
            mode = file.lstat().st_mode
            if not stat.S_ISLNK(mode):
                file.chmod(stat.S_IMODE(mode) | 0o044 | (0o011 if mode & 0o100 else 0))


class ForeignRoot(Root):
    """Made of a folder that holds whole packages, with their libraries."""
    LEFT_OUT = staticmethod(shutil.ignore_patterns(
        "doc", "man", "locale", "include", "perl*", "__pycache__", "*.a", "bash-completion",
        "lintian", "zoneinfo"))

    def __init__(self, folder, userland):
        super().__init__(folder)
        self.userland = userland

    def add_tools(self):
        for name in ("usr", "etc"):
            shutil.copytree(self.userland / name, self.folder / name, symlinks=True,
                            dirs_exist_ok=True, ignore=self.LEFT_OUT)
        lacking = [tool for tool in TOOLS if not any(
            (self.folder / "usr" / place / tool).exists() for place in ("bin", "sbin"))]
        if lacking:
            raise FileNotFoundError(f"{self.userland} lacks {', '.join(lacking)}")

    def add_libraries(self, path):
        pass

    def add_project(self, build):
        """And the unit tests, which look for their files where they were built."""
        super().add_project(build)
        place = self.folder / PLACE
        shutil.copytree(build / "tests/unit", place / "build/tests/unit", dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("CMakeFiles", "*.cmake"))
        self.link(SOURCE, f"/{PLACE}")
        if build.is_relative_to(SOURCE):
            build = pathlib.Path("/", PLACE, build.relative_to(SOURCE))
        self.link(build, f"/{PLACE}/build")

    def link(self, path, target):
        inside = self.folder / str(path).lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        if not inside.exists():
            os.symlink(target, inside)


# The initramfs

def initramfs(kernel, release, plan, path, busybox="/usr/bin/busybox"):
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        folder.chmod(0o755)
        for name in ("bin", "dev", "proc", "sys", "root", "modules"):
            (folder / name).mkdir()
        shutil.copy2(os.path.realpath(busybox), folder / "bin/busybox")
        os.symlink("busybox", folder / "bin/sh")
        shutil.copy2(pathlib.Path(__file__).parent / "init", folder / "init")
        (folder / "init").chmod(0o755)
        (folder / "plan.json").write_text(plan)
        order = []
        for module in module_order(kernel / "lib/modules" / release):
            order.append(unpacked(module, folder / "modules"))
        (folder / "modules/order").write_text("\n".join(order) + "\n")
        files = subprocess.run(["find", ".", "-print0"], cwd=folder, capture_output=True).stdout
        with open(path, "wb") as out:
            subprocess.run(["cpio", "--quiet", "-0", "-o", "-H", "newc", "-R", "0:0"], cwd=folder,
                           input=files, stdout=out, check=True)


def module_order(folder):
    """The modules behind BOOT_MODULES, each after those that it needs."""
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        needs[file] = others.split()
    by_name = {pathlib.Path(file).name.split(".")[0].replace("-", "_"): file for file in needs}
    order = []

    def add(file):
        for other in reversed(needs[file]):
            add(other)
        if file not in order:
            order.append(file)

    for name in BOOT_MODULES:
        if name in by_name:
            add(by_name[name])
    return [folder / file for file in order]


def unpacked(module, folder):
    name = module.name
    for suffix, tool in ((".xz", "xz"), (".zst", "zstd"), (".gz", "gzip")):
        if name.endswith(suffix):
            name = name.removesuffix(suffix)
            with open(folder / name, "wb") as out:
                subprocess.run([tool, "-dc", str(module)], stdout=out, check=True)
            return name
    shutil.copy2(module, folder / name)
    return name

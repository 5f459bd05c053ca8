# SPDX-License-Identifier: BSD-2-Clause
"""The kernel, asked without going through dynmon: bpf(2), network namespaces, leftovers."""
import contextlib
import ctypes
import errno
import os
import pathlib
import platform
import resource
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
SYS_POLLS = {"x86_64": {7, 232, 271, 281, 441}, "aarch64": {22, 73, 441}}[platform.machine()]
LIBC = ctypes.CDLL(None, use_errno=True)
VERSION = tuple(map(int, platform.release().split("-")[0].split(".")[:2]))

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, OBJ_PIN, OBJ_GET = 0, 1, 2, 3, 6, 7
PROG_NEXT_ID, MAP_NEXT_ID = 11, 12
PROG_QUERY, BTF_NEXT_ID, LINK_CREATE, LINK_UPDATE, LINK_NEXT_ID = 16, 23, 28, 29, 31
XDP, TCX_INGRESS, TCX_EGRESS = 37, 46, 47
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18


def own_mounts():
    """From here on the mounts of this process are its own. In a chroot the root is no mount point
    and cannot be made private by name: entering the mount namespace goes to its real root, and
    from there back. Afterwards the root is a mount point, which `ip -n` needs."""
    _require(LIBC.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
    root = os.open("/", os.O_RDONLY)  # after that: it has to be of the new namespace
    namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    _require(LIBC.setns(namespace, CLONE_NEWNS), "setns(CLONE_NEWNS)")
    _require(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "make mounts private")
    os.fchdir(root)
    os.chroot(".")
    _require(LIBC.mount(b"/", b"/mnt", None, MS_BIND | MS_REC, None), "mount / on /mnt")
    os.chroot("/mnt")
    os.close(namespace)
    os.close(root)


def _require(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def possible_cpus():
    """How many copies a value of a per-CPU map has."""
    ranges = pathlib.Path("/sys/devices/system/cpu/possible").read_text().strip().split(",")
    return 1 + max(int(part.rpartition("-")[2]) for part in ranges)


def waits_for_files(pid):
    """Whether a process sleeps in a call of poll's kin. By the number of the call: /proc/PID/wchan is
    0 on kernels such as 5.10."""
    number = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return number.isdigit() and int(number) in SYS_POLLS


def bpf(command, attributes):
    """bpf(2) with `attributes` as bytes, padded with zeroes; returns its result."""
    union = ctypes.create_string_buffer(attributes, 128)
    result = LIBC.syscall(SYS_BPF, command, union, len(union))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"bpf({command})")
    return result


@contextlib.contextmanager
def closing(fd):
    try:
        yield fd
    finally:
        os.close(fd)


def open_pin(path):
    name = ctypes.create_string_buffer(str(path).encode())
    return bpf(OBJ_GET, struct.pack("<QII", ctypes.addressof(name), 0, 0))


def make_map(kind, key_size, value_size, entries, flags=0, inner=0):
    """A descriptor of a new map; `inner`: of the map that those within are like."""
    return bpf(MAP_CREATE, struct.pack("<IIIIII", kind, key_size, value_size, entries, flags, inner))


def pin(fd, path):
    name = ctypes.create_string_buffer(str(path).encode())
    bpf(OBJ_PIN, struct.pack("<QI", ctypes.addressof(name), fd))


def lookup(path, key, size):
    """The value of `key` in the pinned map, as bytes."""
    with closing(open_pin(path)) as fd:
        key_buffer, value = ctypes.create_string_buffer(key), ctypes.create_string_buffer(size)
        bpf(MAP_LOOKUP, struct.pack("<I4xQQQ", fd, ctypes.addressof(key_buffer),
                                    ctypes.addressof(value), 0))
        return value.raw


def update(path, key, value):
    with closing(open_pin(path)) as fd:
        key_buffer, value_buffer = (ctypes.create_string_buffer(key),
                                    ctypes.create_string_buffer(value))
        bpf(MAP_UPDATE, struct.pack("<I4xQQQ", fd, ctypes.addressof(key_buffer),
                                    ctypes.addressof(value_buffer), 0))


def fill(path, entries):
    """Puts (key, value) pairs into a pinned map."""
    with closing(open_pin(path)) as fd:
        for key, value in entries:
            key_buffer = ctypes.create_string_buffer(key, len(key))
            value_buffer = ctypes.create_string_buffer(value, len(value))
            bpf(MAP_UPDATE, struct.pack("<I4xQQQ", fd, ctypes.addressof(key_buffer),
                                        ctypes.addressof(value_buffer), 0))


def object_id(path):
    """("prog_id" | "map_id" | "link_id", number) of what is pinned at `path`."""
    with closing(open_pin(path)) as fd:
        for line in pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines():
            name, _, number = line.partition(":")
            if name in ("map_id", "link_id"):
                return name, int(number)
            if name == "prog_id":  # a link names its program too, behind its own id
                return name, int(number)
    raise AssertionError(f"{path} is no BPF object")


def is_alive(kind, number):
    """Whether a program or map with this id exists. Looks at the list of ids:
    opening a PROG_ARRAY by its id while the kernel takes it down would leave it there for ever
    (prog_array_map_clear() takes a reference for a work that is queued already)."""
    command = PROG_NEXT_ID if kind == "prog_id" else MAP_NEXT_ID
    union = ctypes.create_string_buffer(struct.pack("<III", number - 1, 0, 0), 128)
    if LIBC.syscall(SYS_BPF, command, union, len(union)) < 0:
        return False  # ENOENT: there is none behind
    return struct.unpack_from("<I", union, 4)[0] == number


@contextlib.contextmanager
def unlimited_memory():
    """Before Linux 5.11 maps that this process makes count as its locked memory."""
    before = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    with contextlib.suppress(ValueError):  # not ours to raise: where it counts, the map says EPERM
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY,) * 2)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, before)


def has_bloom_filters():
    """Whether maps of that kind can be made: Linux 5.16."""
    try:
        os.close(make_map(30, 0, 4, 1))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return True


def has_tcx():
    return _query_tcx(1, TCX_INGRESS) is not None


def tcx_programs(ifindex, attach_type):
    """Ids of the programs at a TCX hook of the namespace that the caller is in, in order."""
    return _query_tcx(ifindex, attach_type) or []


def _query_tcx(ifindex, attach_type):
    """None where the kernel has no TCX."""
    ids = (ctypes.c_uint32 * 64)()
    query = ctypes.create_string_buffer(
        struct.pack("<IIIIQI", ifindex, attach_type, 0, 0, ctypes.addressof(ids), len(ids)), 128)
    if LIBC.syscall(SYS_BPF, PROG_QUERY, query, len(query)) < 0:
        if ctypes.get_errno() == errno.EINVAL:
            return None
        raise OSError(ctypes.get_errno(), "query TCX")
    return list(ids[:struct.unpack_from("<I", query, 24)[0]])


def attach_link(pin, ifindex, attach_type):
    """Attaches a pinned program as another loader would; closing the link takes it off."""
    with closing(open_pin(pin)) as fd:
        return bpf(LINK_CREATE, struct.pack("<IIII", fd, ifindex, attach_type, 0))


@contextlib.contextmanager
def inside(netns):
    """The calling thread is in the network namespace at the path `netns`."""
    def enter(fd):
        if LIBC.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {netns}")

    with closing(os.open("/proc/thread-self/ns/net", os.O_RDONLY)) as home:
        with closing(os.open(netns, os.O_RDONLY)) as target:
            enter(target)
        try:
            yield
        finally:
            enter(home)


def landlock():
    """The kernel's version of it, as landlock_create_ruleset(2) says it; 0: none."""
    return max(0, ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))

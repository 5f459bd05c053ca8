# SPDX-License-Identifier: BSD-2-Clause
"""An older kernel, as far as its system calls tell: a seccomp filter in front of the program under
test refuses single commands of bpf(2) and of membarrier(2) with the errno that such a kernel gives.

    self.dynmon("read", "f", preexec_fn=old_kernel.refusing(bpf={old_kernel.LOOKUP_BATCH: 524}))
"""
import ctypes
import platform
import struct

import kernel

ENOTSUPP = 524  # leaks from inside the kernel; no C library knows it
MAP_CREATE, PROG_LOAD, PROG_QUERY, LOOKUP_AND_DELETE = 0, 5, 16, 21
LOOKUP_BATCH, LOOKUP_AND_DELETE_BATCH, UPDATE_BATCH, DELETE_BATCH = 24, 25, 26, 27
BATCHES = (LOOKUP_BATCH, LOOKUP_AND_DELETE_BATCH, UPDATE_BATCH, DELETE_BATCH)
QUERY, GLOBAL = 0, 1  # of membarrier

SYS_MEMBARRIER = {"x86_64": 324, "aarch64": 283}[platform.machine()]
LOAD_WORD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER, FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data
PR_SET_SECCOMP, MODE_FILTER = 22, 2


def _instruction(code, value, equal=0, unequal=0):
    return struct.pack("<HBBI", code, equal, unequal, value)


def _of_call(number, commands):
    checks = b"".join(_instruction(JUMP_EQUAL, command, 0, 1) + _instruction(RETURN, ERRNO | error)
                      for command, error in commands.items())
    body = _instruction(LOAD_WORD, FIRST_ARGUMENT) + checks + _instruction(RETURN, ALLOW)
    return _instruction(JUMP_EQUAL, number, 0, len(body) // 8) + body


def refusing(bpf=None, membarrier=None):
    """For subprocess: from then on each command of the two calls fails with the errno it has."""
    code = (_instruction(LOAD_WORD, NUMBER) + _of_call(kernel.SYS_BPF, bpf or {}) +
            _of_call(SYS_MEMBARRIER, membarrier or {}) + _instruction(RETURN, ALLOW))
    filters = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(
        struct.pack("<H6xQ", len(code) // 8, ctypes.addressof(filters)))

    def install(kept=filters):
        if kernel.LIBC.prctl(PR_SET_SECCOMP, MODE_FILTER, program, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")
    return install

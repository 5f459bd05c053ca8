// SPDX-License-Identifier: BSD-2-Clause
#include "object/kernel_btf.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include <linux/btf.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "object/btf_check.hpp"
#include "object/object.hpp"
#include "object/trust.hpp"

namespace dynmon {

namespace {

[[noreturn]] void refuse(const std::string& problem) {
    throw Error(ErrorKind::usage, problem)
        .hint("wanted is a copy of /sys/kernel/btf/vmlinux of the same kernel, or what "
              "`make -f Makefile.bpf min-btf` makes of one");
}

// What the header says is to be there.
void require_all_of_it(const std::vector<std::byte>& bytes) {
    btf_header header{};
    if (bytes.size() < sizeof header)
        refuse("cut off: it has " + std::to_string(bytes.size()) + " bytes, its header alone " +
               std::to_string(sizeof header));
    std::memcpy(&header, bytes.data(), sizeof header);
    const std::uint64_t types = std::uint64_t{header.hdr_len} + header.type_off + header.type_len;
    const std::uint64_t strings = std::uint64_t{header.hdr_len} + header.str_off + header.str_len;
    if (const std::uint64_t wanted = std::max(types, strings); bytes.size() < wanted)
        refuse("cut off: it has " + std::to_string(bytes.size()) + " of " + std::to_string(wanted) +
               " bytes");
}

void check(const std::vector<std::byte>& bytes) {
    constexpr std::uint16_t swapped_magic = 0x9feb;
    std::uint16_t magic = 0;
    if (bytes.size() >= sizeof magic)
        std::memcpy(&magic, bytes.data(), sizeof magic);
    if (bytes.size() >= 4 && std::memcmp(bytes.data(), "\177ELF", 4) == 0)
        throw Error(ErrorKind::usage, "an ELF file, not raw BTF")
            .hint("take the BTF out of it: llvm-objcopy --dump-section .BTF=kernel.btf vmlinux");
    if (magic == swapped_magic)
        refuse("it is of a machine with the other byte order");
    if (magic != BTF_MAGIC)
        refuse("it holds no BTF");
    require_all_of_it(bytes);
    check_kernel_btf(bytes);
}

} // namespace

KernelBtf KernelBtf::read(const std::string& path) {
    KernelBtf result;
    if (path.empty())
        return result;
    const std::vector<std::byte> bytes = read_named(path, limits::kernel_btf_bytes);
    during("--btf " + path, [&] { check(bytes); });
    result.memory_ = Fd(memfd_create("dynmon-btf", MFD_CLOEXEC));
    if (!result.memory_)
        throw Error(ErrorKind::failed, "make memory for the kernel's BTF", errno);
    if (const int reason = write_all(result.memory_.get(),
                                     {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        reason != 0)
        throw Error(ErrorKind::failed, "copy the kernel's BTF", reason);
    return result;
}

std::string KernelBtf::path() const {
    return memory_ ? "/proc/self/fd/" + std::to_string(memory_.get()) : "";
}

} // namespace dynmon

#include "object/kernel_btf.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

#include <linux/memfd.h>
#include <sys/mman.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "object/btf_check.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

void check(const std::vector<std::byte>& bytes) {
    constexpr char elf[] = "\x7f"
                           "ELF";
    if (bytes.size() >= 4 && std::memcmp(bytes.data(), elf, 4) == 0)
        throw Error(ErrorKind::usage, "an ELF file, not raw BTF")
            .hint("take the BTF out of it: llvm-objcopy --dump-section .BTF=kernel.btf vmlinux");
    check_kernel_btf(bytes);
}

} // namespace

KernelBtf KernelBtf::read(const std::string& path) {
    KernelBtf result;
    if (path.empty())
        return result;
    const std::vector<std::byte> bytes = read_file(path, limits::kernel_btf_bytes);
    during("--btf " + path, [&] { check(bytes); });
    result.memory_ = Fd(memfd_create("dynmon-btf", MFD_CLOEXEC));
    if (!result.memory_)
        throw Error(ErrorKind::failed, "make memory for the kernel's BTF", errno);
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t count =
            ::write(result.memory_.get(), bytes.data() + done, bytes.size() - done);
        if (count <= 0)
            throw Error(ErrorKind::failed, "copy the kernel's BTF", errno);
        done += static_cast<std::size_t>(count);
    }
    return result;
}

std::string KernelBtf::path() const {
    return memory_ ? "/proc/self/fd/" + std::to_string(memory_.get()) : "";
}

} // namespace dynmon

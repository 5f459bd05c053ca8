#include "kernel/kernel_types.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include <bpf/btf.h>

#include "base/error.hpp"
#include "base/libbpf_log.hpp"
#include "base/limits.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

struct BtfFree {
    void operator()(btf* types) const { btf__free(types); }
};

[[noreturn]] void refuse(const std::string& path, const std::string& problem) {
    throw Error(ErrorKind::usage, "--btf " + path + ": " + problem)
        .hint("wanted is a copy of /sys/kernel/btf/vmlinux of the same kernel, or what "
              "`make -f Makefile.bpf min-btf` makes of one");
}

// What the header says is to be there.
void require_whole(const std::string& path, const std::vector<std::byte>& bytes) {
    btf_header header{};
    if (bytes.size() < sizeof header)
        refuse(path, "cut off: it has " + std::to_string(bytes.size()) +
                         " bytes, its header alone " + std::to_string(sizeof header));
    std::memcpy(&header, bytes.data(), sizeof header);
    const std::uint64_t types = std::uint64_t{header.hdr_len} + header.type_off + header.type_len;
    const std::uint64_t strings = std::uint64_t{header.hdr_len} + header.str_off + header.str_len;
    if (const std::uint64_t wanted = std::max(types, strings); bytes.size() < wanted)
        refuse(path, "cut off: it has " + std::to_string(bytes.size()) + " of " +
                         std::to_string(wanted) + " bytes");
}

} // namespace

void require_kernel_types(const std::string& path) {
    constexpr std::uint16_t swapped_magic = 0x9feb;
    const std::vector<std::byte> bytes = read_file(path, limits::kernel_btf_bytes);
    std::uint16_t magic = 0;
    if (bytes.size() >= sizeof magic)
        std::memcpy(&magic, bytes.data(), sizeof magic);
    const bool elf = bytes.size() >= 4 && std::memcmp(bytes.data(), "\177ELF", 4) == 0;
    if (magic == swapped_magic)
        refuse(path, "it is of a machine with the other byte order");
    if (magic != BTF_MAGIC && !elf)
        refuse(path, "it holds no BTF");
    if (!elf)
        require_whole(path, bytes);
    const LibbpfLog log;
    const std::unique_ptr<btf, BtfFree> types(
        elf ? btf__parse(path.c_str(), nullptr)
            : btf__new(bytes.data(), static_cast<std::uint32_t>(bytes.size())));
    if (!types)
        refuse(path, elf ? "it has no section with BTF" : "its BTF is damaged");
}

} // namespace dynmon

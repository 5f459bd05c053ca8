// SPDX-License-Identifier: BSD-2-Clause
// Raw BTF → the check that the loader makes → layouts of all its types → text of all styles.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "fuzz/layouts.hpp"
#include "object/btf_check.hpp"
#include "object/object.hpp"

using namespace dynmon;

namespace {

constexpr std::uint32_t most_types = 64; // of one input that are decoded

// The size that its BTF gives a type, as the kernel would want it of a map's value.
void decode(const btf* types, std::uint32_t id, const std::vector<std::byte>& bytes) {
    const std::int64_t size = btf__resolve_size(types, id);
    if (size < 0 || size > UINT32_MAX)
        return;
    try {
        const Layout layout = build_layout(types, id, static_cast<std::uint32_t>(size), "value");
        fuzz::expect(layout.size == static_cast<std::uint32_t>(size), "not as large as its type");
        fuzz::check_layout(layout, bytes);
    } catch (const Error& error) {
        fuzz::expect(error.kind() == ErrorKind::usage, error.what());
    }
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto* begin = reinterpret_cast<const std::byte*>(data);
    const std::vector<std::byte> bytes(begin, begin + size);
    try {
        check_btf(bytes);
    } catch (const Error& error) {
        fuzz::expect(error.kind() == ErrorKind::usage, error.what());
        return 0;
    }
    const BtfPtr types(btf__new(data, static_cast<__u32>(size)));
    if (!types) // libbpf may be stricter, but not the other way round
        return 0;
    const std::uint32_t count = std::min(btf__type_cnt(types.get()), most_types);
    for (std::uint32_t id = 1; id < count; ++id)
        decode(types.get(), id, bytes);
    return 0;
}

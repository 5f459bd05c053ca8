// SPDX-License-Identifier: BSD-2-Clause
#include "object/object_types.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "object/btf_check.hpp"
#include "object/elf.hpp"
#include "object/trust.hpp"
#include "sandbox/run_sandboxed.hpp"

namespace dynmon {

namespace {

// The compiler leaves sizes and places of global data to the linker or loader of the object.
class DataSections {
public:
    explicit DataSections(const ElfFile& elf) : elf_(elf) {
        for (const ElfSymbol& symbol : elf.symbols())
            if (symbol.type == STT_OBJECT && symbol.section < elf.sections().size())
                places_.emplace(std::pair(symbol.section, symbol.name), symbol.value);
    }

    void complete(btf* types) const {
        for (std::uint32_t id = 1; id < btf__type_cnt(types); ++id) {
            auto* type = const_cast<btf_type*>(btf__type_by_id(types, id));
            if (btf_is_datasec(type) && type->size == 0)
                complete(types, type);
        }
    }

private:
    void complete(const btf* types, btf_type* type) const {
        const std::string_view name = btf__name_by_offset(types, type->name_off);
        const auto& sections = elf_.sections();
        const auto section =
            std::find_if(sections.begin(), sections.end(),
                         [&](const ElfSection& candidate) { return candidate.name == name; });
        if (section == sections.end())
            return;
        const auto index = static_cast<std::uint32_t>(section - sections.begin());
        btf_var_secinfo* variables = btf_var_secinfos(type);
        for (int i = 0; i < btf_vlen(type); ++i) {
            const btf_type* variable = btf__type_by_id(types, variables[i].type);
            if (!btf_is_var(variable) || btf_var(variable)->linkage == BTF_VAR_STATIC)
                continue; // the compiler knows the place of a static one
            const auto place =
                places_.find({index, btf__name_by_offset(types, variable->name_off)});
            if (place == places_.end())
                return; // without a size, it fits no map
            variables[i].offset = static_cast<std::uint32_t>(place->second);
        }
        type->size = static_cast<std::uint32_t>(section->size);
        std::sort(variables, variables + btf_vlen(type),
                  [](const auto& one, const auto& other) { return one.offset < other.offset; });
    }

    const ElfFile& elf_;
    std::map<std::pair<std::uint32_t, std::string_view>, std::uint64_t> places_;
};

} // namespace

std::span<const std::byte> checked_btf(const ElfFile& elf) {
    const ElfSection* section = elf.section(".BTF");
    if (section == nullptr)
        throw Error(ErrorKind::usage, "no BTF, so nothing in it can be decoded")
            .hint("compile with -g (clang) or -gbtf (bpf-gcc), and strip with -g only");
    check_btf(section->data);
    return section->data;
}

BtfPtr object_types(std::span<const std::byte> object) {
    const ElfFile elf = ElfFile::read(object);
    const std::span<const std::byte> raw = checked_btf(elf);
    const DataSections data(elf);
    BtfPtr types;
    const auto read = [&] {
        types.reset(btf__new(raw.data(), static_cast<std::uint32_t>(raw.size())));
        if (!types)
            throw Error(ErrorKind::usage, "libbpf refuses its BTF", errno);
        data.complete(types.get());
    };
    run_sandboxed("libbpf, reading these types,", {}, read);
    read();
    return types;
}

BtfPtr read_object_types(const std::string& path) {
    const std::vector<std::byte> bytes = read_named(path, limits::object_bytes);
    return during(path, [&] { return object_types(bytes); });
}

} // namespace dynmon

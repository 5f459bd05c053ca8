// SPDX-License-Identifier: BSD-2-Clause
#include "policy/permitted.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.hpp"
#include "object/elf.hpp"
#include "object/object.hpp"
#include "policy/helpers.hpp"
#include "policy/opcodes.hpp"

namespace dynmon {

namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::rejected, what).hint(hint);
}

// By number, because the names are newer than the headers of older systems.
constexpr std::array<std::int32_t, 6> forbidden_helpers = {
    36,  // probe_write_user
    58,  // override_return
    109, // send_signal
    117, // send_signal_thread
    166, // sys_bpf
    168, // sys_close
};
constexpr unsigned struct_ops_type = 26; // BPF_MAP_TYPE_STRUCT_OPS

void check_programs(const Object& object) {
    for (const ProgramInfo& program : object.programs())
        if (program.type == BPF_PROG_TYPE_UNSPEC)
            refuse("program '" + program.name + "' (section '" + program.section +
                       "') is for no hook of a network device",
                   "dynmon loads XDP and TC programs: sections tc, tcx/…, classifier and xdp");
    for (const MapInfo& map : object.maps())
        if (static_cast<unsigned>(map.type) == struct_ops_type)
            refuse("map '" + map.name + "' puts functions into the kernel (struct_ops)",
                   "dynmon loads XDP and TC programs only");
}

void check_helpers(const ElfSection& section) {
    for (std::size_t at = 0; at + sizeof(bpf_insn) <= section.data.size(); at += sizeof(bpf_insn)) {
        bpf_insn insn;
        std::memcpy(&insn, section.data.data() + at, sizeof insn);
        if (insn.code != policy::opcode::call || insn.src_reg != 0)
            continue;
        if (is_forbidden_helper(insn.imm))
            refuse("section '" + std::string(section.name) + "' calls " +
                       policy::helper_name(insn.imm) + ", which acts on other processes",
                   "a monitor only looks: leave the call out");
    }
}

// libbpf would put programs into a prog_array while it loads. The only prog_array that a probe may
// have is the chain of the hook, which the loader fills.
void check_filled_maps(const ElfFile& elf) {
    const auto stands_in_maps = [&](std::uint32_t section) {
        return section < elf.sections().size() && elf.sections()[section].name == ".maps";
    };
    for (const ElfRelocation& relocation : elf.relocations()) {
        const ElfSymbol& symbol = elf.symbols()[relocation.symbol];
        if (stands_in_maps(relocation.section) && !stands_in_maps(symbol.section))
            refuse("a map is to be filled with '" + std::string(symbol.name) + "', which is no map",
                   "leave out its `values`: the loader alone puts programs into chains");
    }
}

void check_externs(const btf* types) {
    const int section = btf__find_by_name_kind(types, ".kconfig", BTF_KIND_DATASEC);
    if (section < 0)
        return;
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
    std::string name;
    if (btf_vlen(type) > 0) {
        const btf_type* variable = btf__type_by_id(types, btf_var_secinfos(type)->type);
        name = " ('" + std::string(btf__name_by_offset(types, variable->name_off)) + "')";
    }
    refuse("it asks for the kernel's configuration" + name,
           "make what it depends on a parameter: `const volatile`, set with --set");
}

} // namespace

bool is_forbidden_helper(std::int32_t number) {
    return std::find(forbidden_helpers.begin(), forbidden_helpers.end(), number) !=
           forbidden_helpers.end();
}

void require_permitted(const Object& object) {
    during(object.path(), [&] {
        check_programs(object);
        check_externs(object.types());
        const ElfFile elf = ElfFile::read(object.bytes());
        check_filled_maps(elf);
        for (const ElfSection& section : elf.sections())
            if (section.executable())
                check_helpers(section);
    });
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
#include "object/object.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <sstream>

#include <bpf/libbpf.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "object/allow_list.hpp"
#include "object/elf.hpp"
#include "object/libbpf_hint.hpp"
#include "object/object_types.hpp"
#include "object/references.hpp"
#include "sandbox/run_sandboxed.hpp"

namespace dynmon {

namespace {

struct ObjectClose {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectClose>;

constexpr std::size_t longest_name = 127;
constexpr std::size_t most_externs = 256; // libbpf walks all of BTF for each

[[noreturn]] void refuse(const std::string& what, const std::string& hint = "") {
    throw Error(ErrorKind::usage, what).hint(hint);
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return text.starts_with(prefix); });
}

// Our own table: libbpf 1.1 does not know "tcx/ingress" and reads "tc/x" as no type at all.
bpf_prog_type type_of_section(std::string_view section) {
    // These run behind a redirect, never on a device.
    if (starts_with_any(section, {"xdp/devmap", "xdp/cpumap", "xdp.frags/devmap",
                                  "xdp.frags/cpumap", "xdp_devmap", "xdp_cpumap"}))
        return BPF_PROG_TYPE_UNSPEC;
    if (section.starts_with("xdp"))
        return BPF_PROG_TYPE_XDP;
    if (section == "tc" || starts_with_any(section, {"tc/", "tcx/", "tc_", "classifier"}))
        return BPF_PROG_TYPE_SCHED_CLS;
    return BPF_PROG_TYPE_UNSPEC;
}

bool is_data_section(std::string_view name) {
    return name == ".data" || name == ".rodata" || name == ".bss" ||
           starts_with_any(name, {".data.", ".rodata.", ".bss."});
}

// What is counted before libbpf allocates for it.
void check_bounds(const ElfFile& elf) {
    const auto& sections = elf.sections();
    for (const char* name : {".BTF", ".BTF.ext", ".maps", ".text", ".rodata", "license"}) {
        if (std::count_if(sections.begin(), sections.end(),
                          [&](const ElfSection& s) { return s.name == name; }) > 1)
            refuse(std::string("two sections '") + name + "'");
    }
    std::size_t programs = 0;
    std::size_t maps = 0;
    std::size_t externs = 0;
    for (const ElfSymbol& symbol : elf.symbols()) {
        externs += symbol.section == SHN_UNDEF;
        if (symbol.section >= sections.size())
            continue;
        const ElfSection& section = sections[symbol.section];
        programs += symbol.type == STT_FUNC && section.executable() && section.name != ".text";
        maps += symbol.type == STT_OBJECT && section.name == ".maps";
    }
    for (const ElfSection& section : sections)
        maps += is_data_section(section.name) && section.size > 0;
    if (externs > most_externs)
        refuse(std::to_string(externs) + " undefined symbols; at most " +
               std::to_string(most_externs) + " are looked for");
    if (programs > limits::programs)
        refuse(std::to_string(programs) + " programs; at most " + std::to_string(limits::programs));
    if (maps > limits::maps)
        refuse(std::to_string(maps) + " maps; at most " + std::to_string(limits::maps));
}

// The first warning that counts names the cause; what follows is libbpf on its way out.
std::string first_complaint(const std::string& log, int error_number) {
    constexpr std::string_view prefix = "libbpf: ";
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("Ignored and continue") == std::string::npos)
            return line.starts_with(prefix) ? line.substr(prefix.size()) : line;
    }
    if (error_number == ENOENT) // libbpf says so at debug level only
        return "its BTF names a section or variable that it does not have";
    std::array<char, 128> text{};
    libbpf_strerror(error_number, text.data(), text.size());
    return text.data();
}

ObjectPtr open_with_libbpf(const std::vector<std::byte>& bytes) {
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "dynmon");
    const LibbpfLog log;
    ObjectPtr object(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
    if (!object) {
        const std::string complaint = first_complaint(log.text(), errno);
        refuse("libbpf refuses it: " + complaint, libbpf_hint(complaint));
    }
    return object;
}

BtfPtr copy_types(const bpf_object* object) {
    std::uint32_t size = 0;
    const void* data = btf__raw_data(bpf_object__btf(object), &size);
    BtfPtr copy(data == nullptr ? nullptr : btf__new(data, size));
    if (!copy)
        throw Error(ErrorKind::failed, "copy BTF", errno);
    return copy;
}

std::vector<ProgramInfo> list_programs(const bpf_object* object, const ElfFile& elf,
                                       const btf* types) {
    const RefersTo hand_over(elf, chain_map_name);
    const RefersTo limited(elf, over_name);
    const bool house_reads_frags = find_constant(types, frags_global_name) != nullptr;
    std::vector<ProgramInfo> programs;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
        ProgramInfo info;
        info.name = bpf_program__name(program);
        info.section = bpf_program__section_name(program);
        info.type = type_of_section(info.section);
        info.hand_over = hand_over(info.name);
        info.limited = limited(info.name);
        info.declares_frags =
            info.type == BPF_PROG_TYPE_XDP && info.section.starts_with("xdp.frags");
        info.reads_frags =
            info.declares_frags || (info.type == BPF_PROG_TYPE_XDP && house_reads_frags);
        programs.push_back(std::move(info));
    }
    if (programs.empty())
        refuse("no programs", "give a function a section: SEC(\"tc\") or SEC(\"xdp\")");
    return programs;
}

// libbpf calls global data "dynmon.rodata" and cuts long names; its DATASEC has the section's name.
std::string map_name(const bpf_map* map, const btf* types) {
    const std::string name = bpf_map__name(map);
    if (!bpf_map__is_internal(map))
        return name;
    const btf_type* section = btf__type_by_id(types, bpf_map__btf_value_type_id(map));
    if (section != nullptr && btf_is_datasec(section))
        return btf__name_by_offset(types, section->name_off);
    return name.substr(std::min(name.find('.'), name.size()));
}

MapInfo map_info(const bpf_map* map, std::string name) {
    return {.name = std::move(name),
            .type = bpf_map__type(map),
            .key_size = bpf_map__key_size(map),
            .value_size = bpf_map__value_size(map),
            .max_entries = bpf_map__max_entries(map),
            .flags = bpf_map__map_flags(map),
            .key_type_id = bpf_map__btf_key_type_id(map),
            .value_type_id = bpf_map__btf_value_type_id(map),
            .global_data = bpf_map__is_internal(map),
            .pinned_by_name = bpf_map__pin_path(map) != nullptr};
}

std::vector<MapInfo> list_maps(const bpf_object* object, const ElfFile& elf, const btf* types) {
    const std::set<std::string_view> used = used_maps(elf);
    std::vector<MapInfo> maps;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        MapInfo info = map_info(map, map_name(map, types));
        info.used = used.contains(info.name);
        maps.push_back(std::move(info));
    }
    if (maps.size() > limits::maps) // not all of them need have a symbol
        refuse(std::to_string(maps.size()) + " maps; at most " + std::to_string(limits::maps));
    return maps;
}

std::vector<MapInfo> list_templates(bpf_object* object, const btf* types) {
    std::vector<MapInfo> templates;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (const bpf_map* inner = bpf_map__inner_map(map))
            templates.push_back(map_info(inner, map_name(map, types) + ".inner"));
    }
    return templates;
}

// `const volatile` in either order, of the variable itself or of the elements of an array. Ends,
// because check_btf has found every type to exist and none to contain itself.
bool is_const_volatile(const btf* types, std::uint32_t type_id) {
    bool is_const = false;
    bool is_volatile = false;
    const btf_type* type = btf__type_by_id(types, type_id);
    while (btf_is_mod(type) || btf_is_typedef(type) || btf_is_array(type)) {
        is_const |= btf_kind(type) == BTF_KIND_CONST;
        is_volatile |= btf_kind(type) == BTF_KIND_VOLATILE;
        type = btf__type_by_id(types, btf_is_array(type) ? btf_array(type)->type : type->type);
    }
    return is_const && is_volatile;
}

std::vector<GlobalInfo> list_globals(const btf* types) {
    std::vector<GlobalInfo> globals;
    const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
    if (section < 0)
        return globals;
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
    for (int i = 0; i < btf_vlen(type); ++i) {
        const btf_var_secinfo& place = btf_var_secinfos(type)[i];
        const btf_type* variable = btf__type_by_id(types, place.type);
        const std::string name = btf__name_by_offset(types, variable->name_off);
        if (!btf_is_var(variable) || name.starts_with("dynmon_") ||
            !is_const_volatile(types, variable->type))
            continue;
        if (std::uint64_t{place.offset} + place.size > type->size)
            refuse("damaged BTF: '" + name + "' lies outside of .rodata");
        globals.push_back({name, variable->type, place.offset, place.size});
    }
    return globals;
}

std::string read_license(const ElfFile& elf) {
    const ElfSection* section = elf.section("license");
    if (section == nullptr)
        return "";
    const auto* text = reinterpret_cast<const char*>(section->data.data());
    return {text, strnlen(text, section->data.size())};
}

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Names become names of files: no '/', no "..", and nothing that stands twice.
void check_name(const std::string& name, bool section, const char* what,
                std::set<std::string>& taken) {
    const auto fits = [&](char c) { return is_name_char(c) || (section && c == '.'); };
    if (name.empty() || name.size() > longest_name || !std::all_of(name.begin(), name.end(), fits))
        refuse(std::string("a ") + what + " cannot be called '" + name + "'",
               "names are those of C, of at most 127 characters");
    if (!taken.insert(name).second)
        refuse(std::string("two ") + what + "s are called '" + name + "'");
}

void check_names(const std::vector<ProgramInfo>& programs, const std::vector<MapInfo>& maps) {
    std::set<std::string> taken;
    for (const ProgramInfo& program : programs)
        check_name(program.name, false, "program", taken);
    taken.clear();
    for (const MapInfo& map : maps)
        check_name(map.name, map.global_data, "map", taken);
}

template <typename List>
auto find_name(const List& list, std::string_view name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
    return found == list.end() ? nullptr : &*found;
}

} // namespace

std::string pin_name(std::string map) {
    std::replace(map.begin(), map.end(), '.', '_');
    return map;
}

const btf_var_secinfo* find_constant(const btf* types, std::string_view name) {
    const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
    if (section < 0)
        return nullptr;
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
    for (int i = 0; i < btf_vlen(type); ++i) {
        const btf_var_secinfo* place = btf_var_secinfos(type) + i;
        const btf_type* variable = btf__type_by_id(types, place->type);
        if (btf_is_var(variable) && name == btf__name_by_offset(types, variable->name_off))
            return place;
    }
    return nullptr;
}

Object Object::parse(std::vector<std::byte> bytes, std::string path) {
    return during(path, [&] {
        Object object;
        object.path_ = path;
        object.bytes_ = std::move(bytes);
        if (object.bytes_.size() > limits::object_bytes)
            refuse(std::to_string(object.bytes_.size()) + " bytes; at most " +
                   std::to_string(limits::object_bytes) + " are read");
        const ElfFile elf = ElfFile::read(object.bytes_);
        check_bounds(elf);
        checked_btf(elf);
        // libbpf is not made for ELF files of others: what it does with these bytes, it does first
        // where it can do no harm.
        run_sandboxed("libbpf, reading this object,", {}, [&] { object.describe(elf); });
        object.describe(elf);
        object.license_ = read_license(elf);
        object.sha256_ = sha256_hex(object.bytes_);
        return object;
    });
}

void Object::describe(const ElfFile& elf) {
    const ObjectPtr opened = open_with_libbpf(bytes_);
    btf_ = copy_types(opened.get());
    programs_ = list_programs(opened.get(), elf, btf_.get());
    maps_ = list_maps(opened.get(), elf, btf_.get());
    templates_ = list_templates(opened.get(), btf_.get());
    check_names(programs_, maps_);
    std::vector<std::string> names;
    for (const MapInfo& map : maps_) {
        map_numbers_.emplace(map.name, names.size());
        names.push_back(map.name);
    }
    for (ProgramInfo& program : programs_)
        program.atomics = atomic_accesses(elf, program.name, names);
    globals_ = list_globals(btf_.get());
}

std::vector<std::byte> Object::btf_bytes() const {
    std::uint32_t size = 0;
    const auto* data = static_cast<const std::byte*>(btf__raw_data(btf_.get(), &size));
    if (data == nullptr)
        throw Error(ErrorKind::failed, "copy BTF of " + path_, errno);
    return {data, data + size};
}

const ProgramInfo* Object::program(std::string_view name) const {
    return find_name(programs_, name);
}

const MapInfo* Object::map(std::string_view name) const {
    const auto found = map_numbers_.find(name);
    return found == map_numbers_.end() ? nullptr : &maps_[found->second];
}

const GlobalInfo* Object::global(std::string_view name) const {
    return find_name(globals_, name);
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/prepare_object.hpp"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <bpf/btf.h>

#include "base/error.hpp"
#include "base/libbpf_log.hpp"
#include "object/elf.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t xdp_has_frags = 1u << 5; // BPF_F_XDP_HAS_FRAGS

// Whatever the chain needs, libbpf sets BPF_F_XDP_HAS_FRAGS by the name of a program's section.
// Here the section has a name that says nothing to it, in the ELF file and in BTF alike.
std::vector<std::byte> without_frags_sections(std::vector<std::byte> bytes) {
    constexpr std::string_view name = "xdp.frags";
    const ElfFile elf = ElfFile::read(bytes);
    for (const ElfSection& section : elf.sections()) {
        if (section.type != SHT_STRTAB && section.name != ".BTF")
            continue;
        const std::string_view text(reinterpret_cast<const char*>(section.data.data()),
                                    section.data.size());
        std::byte* begin = bytes.data() + (section.data.data() - bytes.data());
        for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1))
            begin[at + name.find('.')] = std::byte{'_'};
    }
    return bytes;
}

} // namespace

ObjectPtr open_object(const InstanceSpec& spec) {
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "dynmon");
    if (!spec.kernel_btf.empty())
        options.btf_custom_path = spec.kernel_btf.c_str();
    const LibbpfLog log;
    const ProgramInfo* program = spec.object->program(spec.program);
    const bool renamed = program != nullptr && program->declares_frags && !spec.frags;
    const std::vector<std::byte> copy =
        renamed ? without_frags_sections(spec.object->bytes()) : std::vector<std::byte>();
    const auto& bytes = renamed ? copy : spec.object->bytes();
    ObjectPtr object(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
    if (!object)
        throw Error(ErrorKind::usage,
                    "open " + spec.object->path() + ": " + last_complaint(log.text()), errno);
    return object;
}

void set_chain_attributes(bpf_program* program, bool frags) {
    const bool xdp = bpf_program__type(program) == BPF_PROG_TYPE_XDP;
    bpf_program__set_expected_attach_type(program, xdp ? BPF_XDP : static_cast<bpf_attach_type>(0));
    const std::uint32_t others = bpf_program__flags(program) & ~xdp_has_frags;
    bpf_program__set_flags(program, xdp && frags ? others | xdp_has_frags : others);
}

// Types are set from our own table of sections: an older libbpf does not know "tcx/ingress".
bpf_program* choose_program(bpf_object* object, const InstanceSpec& spec) {
    bpf_program* chosen = nullptr;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
        const bool wanted = spec.program == bpf_program__name(program);
        bpf_program__set_autoload(program, wanted);
        if (wanted)
            chosen = program;
    }
    if (chosen == nullptr)
        throw Error(ErrorKind::usage,
                    "no program '" + spec.program + "' in " + spec.object->path());
    bpf_program__set_type(chosen, spec.object->program(spec.program)->type);
    set_chain_attributes(chosen, spec.frags);
    return chosen;
}

void set_rodata(bpf_object* object, const InstanceSpec& spec) {
    bpf_map* map = nullptr;
    bpf_map* rodata = nullptr;
    bpf_object__for_each_map(map, object) {
        if (map_name(map) == ".rodata")
            rodata = map;
    }
    for (const RodataValue& value : spec.rodata) {
        std::size_t section_size = 0;
        auto* data = rodata == nullptr ? nullptr
                                       : static_cast<std::byte*>(const_cast<void*>(
                                             bpf_map__initial_value(rodata, &section_size)));
        const btf_var_secinfo* place =
            data == nullptr ? nullptr : find_constant(bpf_object__btf(object), value.name);
        if (place == nullptr && value.optional)
            continue;
        if (place == nullptr || place->size != value.bytes.size() ||
            place->offset + std::size_t{place->size} > section_size)
            throw Error(ErrorKind::usage, "parameter '" + value.name + "' is not in .rodata of " +
                                              spec.object->path());
        std::memcpy(data + place->offset, value.bytes.data(), value.bytes.size());
    }
}

void shape_maps(bpf_object* object, const InstanceSpec& spec) {
    for (const MapShape& shape : spec.shapes) {
        bpf_map* map = bpf_object__find_map_by_name(object, shape.name.c_str());
        int result = map == nullptr ? -ENOENT : 0;
        if (result == 0 && bpf_map__type(map) != static_cast<bpf_map_type>(shape.type))
            result = bpf_map__set_type(map, static_cast<bpf_map_type>(shape.type));
        if (result == 0)
            result = bpf_map__set_max_entries(map, shape.max_entries);
        if (result < 0)
            throw Error(ErrorKind::failed, "map '" + shape.name + "': set type and size", -result);
    }
}

void share_maps(bpf_object* object, const InstanceSpec& spec) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        bpf_map__set_pin_path(map, nullptr); // all pins are ours: an object may not place its own
        const auto given = spec.given_maps.find(map_name(map));
        if (given == spec.given_maps.end())
            continue;
        const int result = bpf_map__reuse_fd(map, given->second->get());
        if (result < 0)
            throw Error(ErrorKind::failed, "share map '" + given->first + "'", -result);
    }
}

// libbpf calls global data "<object>.rodata", cut to the kernel's 15 characters.
std::string map_name(const bpf_map* map) {
    std::string name = bpf_map__name(map);
    if (!bpf_map__is_internal(map))
        return name;
    const std::size_t dot = name.find('.');
    return dot == std::string::npos ? name : name.substr(dot);
}

} // namespace dynmon

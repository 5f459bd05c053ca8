// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/load_object.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "kernel/bpf.hpp"
#include "kernel/machine.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/prog_array.hpp"
#include "kernel/rights.hpp"
#include "kernel/verifier_log.hpp"
#include "object/elf.hpp"
#include "object/object.hpp"
#include "sandbox/run_sandboxed.hpp"

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

namespace {

// What the verifier says only to those without CAP_PERFMON, for fear of speculative execution.
bool is_for_want_of_perfmon(std::string_view complaint) {
    for (const std::string_view text :
         {"prohibited", "unsupported alu operation", "partial copy of pointer", "leaks addr"})
        if (complaint.find(text) != std::string_view::npos)
            return true;
    return false;
}

[[noreturn]] void throw_verifier_error(const std::string& program, int error_number,
                                       std::string log) {
    VerifierError error(program, error_number, std::move(log));
    if (is_for_want_of_perfmon(error.what()) && !has_right(Right::perfmon))
        error.hint(rights_hint({Right::perfmon}))
            .or_hint("without it the verifier allows little arithmetic on pointers");
    throw error;
}

[[noreturn]] void throw_load_error(const std::string& program, int error_number,
                                   const std::string& log) {
    // Asked for the types of the kernel, which libbpf looks for in several places.
    if (log.find("failed to find valid kernel BTF") != std::string::npos)
        throw Error(ErrorKind::unsupported,
                    "load '" + program + "': this kernel does not carry its types (BTF)")
            .hint("--btf FILE names a file with those of kernel " + kernel_facts().release);
    // At a refusal libbpf guesses at the cause, and wrongly.
    const std::string complaint = error_number == EPERM ? "" : ": " + last_complaint(log);
    throw Error(ErrorKind::failed, "load '" + program + "'" + complaint, error_number)
        .hint(refusal_hint(error_number, {Right::bpf, Right::net_admin}));
}

// A type that the kernel itself does not have is looked for in its modules. One whose types are
// broken, or of which the caller may not read them, must not keep the rest from loading.
bool blames_modules(const std::string& log) {
    for (const char* complaint : {"failed to iterate BTF objects", "failed to get BTF object",
                                  "failed to load module", "failed to get module BTF"})
        if (log.find(complaint) != std::string::npos)
            return true;
    return false;
}

// Room for what the verifier says, of which only as much takes memory as it does say.
class VerifierLogBuffer {
public:
    VerifierLogBuffer() : text_(new char[size]) { text_[0] = '\0'; }
    void give_to(bpf_program* program) { bpf_program__set_log_buf(program, text_.get(), size); }
    std::string take() { return std::string(std::exchange(text_, nullptr).get()); }

private:
    static constexpr std::size_t size = 8u << 20;
    std::unique_ptr<char[]> text_;
};

// In `log_level`: nothing at first, and all of it when that fails; or the final complaint and the
// statistics alone.
enum LogLevel : std::uint32_t { all_on_failure = 0, final_complaint = 4 };

struct Outcome {
    std::optional<Instance> instance; // or else:
    int error_number = 0;
    std::string complaints; // of libbpf
    std::string log;        // of the verifier
};

Instance take_instance(bpf_object* object, const bpf_program* program, const InstanceSpec& spec) {
    Instance instance;
    instance.program = duplicate(bpf_program__fd(program));
    const ProgramFacts facts = program_facts(instance.program);
    instance.program_id = facts.id;
    instance.walked = facts.verified_insns;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        const std::string name = map_name(map);
        if (spec.given_maps.contains(name) || name.starts_with(".rodata") || bpf_map__fd(map) < 0)
            continue;
        instance.maps.emplace(name, duplicate(bpf_map__fd(map)));
    }
    return instance;
}

Outcome try_load_instance(const InstanceSpec& spec, LogLevel level = all_on_failure) {
    const ObjectPtr object = open_object(spec);
    const LibbpfLog complaints;
    VerifierLogBuffer log;
    bpf_program* program = choose_program(object.get(), spec);
    log.give_to(program);
    bpf_program__set_log_level(program, level);
    set_rodata(object.get(), spec);
    shape_maps(object.get(), spec);
    share_maps(object.get(), spec);
    const int result = bpf_object__load(object.get());
    if (result == 0)
        return {.instance = take_instance(object.get(), program, spec), .log = log.take()};
    return {.error_number = -result, .complaints = complaints.text(), .log = log.take()};
}

// A log that does not fit hides the errno, and on kernels before 6.4 also its own end, which is
// what matters.
void complete_log(const InstanceSpec& spec, Outcome& outcome) {
    const Outcome end = try_load_instance(spec, final_complaint);
    if (end.instance)
        return;
    outcome.error_number = end.error_number;
    outcome.log.append("\n").append(end.log);
}

// Lines that the verifier writes about a program that it accepts. About another it has more to say.
bool is_statistics(std::string_view line) {
    for (const std::string_view start :
         {"processed ", "verification time ", "stack depth ", "Validating ", "Func#"})
        if (line.starts_with(start))
            return true;
    return line.empty();
}

// The verifier accepts the program, but the kernel refuses it for an array that it calls through.
bool is_about_arrays(const Outcome& outcome) {
    if (outcome.error_number != EINVAL ||
        outcome.complaints.find("failed to create") != std::string::npos) // a map
        return false;
    std::istringstream log(outcome.log);
    for (std::string line; std::getline(log, line);)
        if (!is_statistics(line))
            return false;
    return true;
}

void require_arrays_fit(const InstanceSpec& spec, const Outcome& outcome) {
    if (!is_about_arrays(outcome))
        return;
    const bpf_prog_type type = spec.object->program(spec.program)->type;
    std::optional<ArrayOwner> any;
    for (const auto& [name, map] : spec.given_maps) {
        if (map_facts(*map).type != BPF_MAP_TYPE_PROG_ARRAY)
            continue;
        const ArrayOwner owner = owner_of(*map);
        if (!any || owner.type != type)
            any = owner;
    }
    if (any)
        throw array_refusal(spec.program, type, *any, compares_attach_types());
}

} // namespace

void dry_run_load(const Object& object, const std::vector<std::string>& programs,
                  const KernelBtf& kernel_btf) {
    SandboxOptions options{.pretended_kernel = true};
    if (kernel_btf.descriptor() >= 0)
        options.keep.push_back(kernel_btf.descriptor());
    run_sandboxed("libbpf, preparing the programs of " + object.path() + ",", options, [&] {
        for (const std::string& program : programs) {
            const InstanceSpec spec{
                .object = &object, .program = program, .kernel_btf = kernel_btf.path()};
            const ObjectPtr opened = open_object(spec);
            choose_program(opened.get(), spec);
            share_maps(opened.get(), spec);
            bpf_object__load(opened.get()); // the load itself says what is wrong with it
        }
    });
}

Instance load_instance(const InstanceSpec& wanted) {
    constexpr unsigned besides_maps = 8; // BTF, the program, probes of the kernel, our own copies
    require_descriptors(2 * static_cast<unsigned>(wanted.object->maps().size()) + besides_maps);
    InstanceSpec spec = wanted;
    Outcome outcome = try_load_instance(spec);
    if (!outcome.instance && spec.kernel_btf.empty() && blames_modules(outcome.complaints)) {
        spec.kernel_btf = "/sys/kernel/btf/vmlinux"; // and of no module
        outcome = try_load_instance(spec);
    }
    if (outcome.instance)
        return std::move(*outcome.instance);
    if (outcome.error_number == ENOSPC && !outcome.log.empty())
        complete_log(spec, outcome);
    require_arrays_fit(spec, outcome);
    if (!outcome.log.empty())
        throw_verifier_error(spec.program, outcome.error_number, std::move(outcome.log));
    throw_load_error(spec.program, outcome.error_number, outcome.complaints);
}

std::optional<std::uint32_t> walked_by_verifier(const InstanceSpec& spec) {
    constexpr std::string_view word = "processed ";
    const std::string log = try_load_instance(spec, final_complaint).log;
    const std::size_t at = log.find(word);
    std::uint32_t number = 0;
    if (at == std::string::npos ||
        std::from_chars(log.data() + at + word.size(), log.data() + log.size(), number).ec !=
            std::errc())
        return std::nullopt;
    return number;
}

} // namespace dynmon

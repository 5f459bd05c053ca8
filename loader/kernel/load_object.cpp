#include "kernel/load_object.hpp"

#include <cerrno>
#include <cstring>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/libbpf_log.hpp"
#include "base/trial.hpp"
#include "kernel/bpf.hpp"
#include "kernel/duplicate.hpp"
#include "kernel/verifier_log.hpp"

namespace dynmon {

namespace {

struct ObjectClose {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectClose>;

constexpr std::uint32_t xdp_has_frags = 1u << 5; // BPF_F_XDP_HAS_FRAGS

// libbpf calls global data "<object>.rodata", cut to the kernel's 15 characters; we say ".rodata".
std::string map_name(const bpf_map* map) {
    const std::string name = bpf_map__name(map);
    if (!bpf_map__is_internal(map))
        return name;
    const std::size_t dot = name.find('.');
    return dot == std::string::npos ? name : name.substr(dot);
}

// The last thing libbpf complained about, in one line.
std::string last_complaint(const std::string& log) {
    std::string best;
    std::size_t start = 0;
    while (start < log.size()) {
        const std::size_t end = std::min(log.find('\n', start), log.size());
        std::string line = log.substr(start, end - start);
        if (line.starts_with("libbpf: ") && !line.starts_with("libbpf: failed to load object"))
            best = line.substr(std::strlen("libbpf: "));
        start = end + 1;
    }
    return best;
}

ObjectPtr open_object(const InstanceSpec& spec) {
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "dynmon");
    if (!spec.kernel_btf.empty())
        options.btf_custom_path = spec.kernel_btf.c_str();
    const LibbpfLog log;
    const auto& bytes = spec.object->bytes();
    ObjectPtr object(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
    if (!object)
        throw Error(ErrorKind::usage,
                    "open " + spec.object->path() + ": " + last_complaint(log.text()), errno);
    return object;
}

// Of all programs only the wanted one is loaded. Types are set from our own table of sections,
// since an older libbpf does not know "tcx/ingress"; and every program of a chain must agree in
// attach type and frags, or the PROG_ARRAY refuses it.
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
    const bpf_prog_type type = spec.object->program(spec.program)->type;
    bpf_program__set_type(chosen, type);
    bpf_program__set_expected_attach_type(
        chosen, type == BPF_PROG_TYPE_XDP ? BPF_XDP : static_cast<bpf_attach_type>(0));
    bpf_program__set_flags(chosen, bpf_program__flags(chosen) & ~xdp_has_frags);
    return chosen;
}

struct RodataPlace {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};

bool find_rodata(const btf* types, const std::string& name, RodataPlace& place) {
    const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
    if (section < 0)
        return false;
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
    const btf_var_secinfo* info = btf_var_secinfos(type);
    for (int i = 0; i < btf_vlen(type); ++i, ++info) {
        const btf_type* variable = btf__type_by_id(types, info->type);
        if (name == btf__name_by_offset(types, variable->name_off)) {
            place = {info->offset, info->size};
            return true;
        }
    }
    return false;
}

void set_rodata(bpf_object* object, const InstanceSpec& spec) {
    bpf_map* map = nullptr;
    bpf_map* rodata = nullptr;
    bpf_object__for_each_map(map, object) {
        if (map_name(map) == ".rodata")
            rodata = map;
    }
    for (const RodataValue& value : spec.rodata) {
        RodataPlace place;
        std::size_t section_size = 0;
        auto* data = rodata == nullptr ? nullptr
                                       : static_cast<std::byte*>(const_cast<void*>(
                                             bpf_map__initial_value(rodata, &section_size)));
        const bool found =
            data != nullptr && find_rodata(bpf_object__btf(object), value.name, place);
        if (!found && value.optional)
            continue;
        if (!found || place.size != value.bytes.size() ||
            place.offset + std::size_t{place.size} > section_size)
            throw Error(ErrorKind::usage, "parameter '" + value.name + "' is not in .rodata of " +
                                              spec.object->path());
        std::memcpy(data + place.offset, value.bytes.data(), value.bytes.size());
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

[[noreturn]] void throw_load_error(const std::string& program, int error_number,
                                   const std::string& log) {
    constexpr std::string_view begin = "-- BEGIN PROG LOAD LOG --\n";
    const std::size_t start = log.find(begin);
    if (start != std::string::npos) {
        const std::size_t end = log.find("-- END PROG LOAD LOG --", start);
        throw VerifierError(program, error_number,
                            log.substr(start + begin.size(), end - start - begin.size()));
    }
    Error error(ErrorKind::failed, "load '" + program + "': " + last_complaint(log), error_number);
    if (error_number == EPERM)
        error.hint("needs CAP_BPF and CAP_NET_ADMIN: run as root");
    throw error;
}

} // namespace

void rehearse_load(const Object& object, const std::vector<std::string>& programs,
                   const KernelBtf& kernel_btf) {
    TrialOptions options{.pretended_kernel = true};
    if (kernel_btf.descriptor() >= 0)
        options.keep.push_back(kernel_btf.descriptor());
    in_trial("libbpf, preparing the programs of " + object.path() + ",", options, [&] {
        for (const std::string& program : programs) {
            const InstanceSpec spec{
                .object = &object, .program = program, .kernel_btf = kernel_btf.path()};
            const ObjectPtr opened = open_object(spec);
            choose_program(opened.get(), spec);
            share_maps(opened.get(), spec);
            bpf_object__load(opened.get()); // what is wrong with it, the load itself says
        }
    });
}

Instance load_instance(const InstanceSpec& spec) {
    const ObjectPtr object = open_object(spec);
    const LibbpfLog log;
    bpf_program* program = choose_program(object.get(), spec);
    set_rodata(object.get(), spec);
    share_maps(object.get(), spec);
    if (const int result = bpf_object__load(object.get()); result < 0)
        throw_load_error(spec.program, -result, log.text());

    Instance instance;
    instance.program = duplicate(bpf_program__fd(program));
    instance.program_id = program_facts(instance.program).id;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object.get()) {
        const std::string name = map_name(map);
        if (spec.given_maps.contains(name) || name.starts_with(".rodata") || bpf_map__fd(map) < 0)
            continue;
        instance.maps.emplace(name, duplicate(bpf_map__fd(map)));
    }
    return instance;
}

} // namespace dynmon

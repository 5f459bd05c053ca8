// SPDX-License-Identifier: BSD-2-Clause
// One program of an object into the kernel, with the maps it shares given and the others made.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bpf/libbpf.h>

#include "base/file.hpp"
#include "decode/map_shapes.hpp"
#include "object/kernel_btf.hpp"

namespace dynmon {

class Object;

// Bytes that go to a global of .rodata before the program is loaded.
struct RodataValue {
    std::string name;
    std::vector<std::byte> bytes;
    bool optional = false; // a global that the object need not have (dynmon_*)
};

struct InstanceSpec {
    const Object* object = nullptr;
    std::string program;
    std::vector<RodataValue> rodata;
    std::vector<MapShape> shapes;                // of maps that are not made as the object says
    std::map<std::string, const Fd*> given_maps; // by name: used instead of a new one
    std::string kernel_btf;                      // file with the kernel's BTF; "": sysfs
    bool frags = false; // XDP on packets in several buffers, as the pivot of its chain
};

// A loaded program and the maps that were made for it (given ones and .rodata are not in it).
struct Instance {
    Fd program;
    std::uint32_t program_id = 0;
    std::uint32_t walked = 0; // instructions that the verifier walked through; 0: it does not say
    std::map<std::string, Fd> maps;
};

// Everything that libbpf does with the object before the kernel gets to see the programs: maps,
// relocations, CO-RE. Throws Error{rejected} when it crashes over that or finds no end.
void dry_run_load(const Object& object, const std::vector<std::string>& programs,
                  const KernelBtf& kernel_btf);

// Throws VerifierError when the verifier refuses, Error otherwise; then nothing is left in the
// kernel.
Instance load_instance(const InstanceSpec& spec);

// Likewise, for kernels that do not say `walked` of a loaded program: loads it once more, asks the
// verifier for its statistics and leaves nothing in the kernel. nullopt: it says none.
std::optional<std::uint32_t> walked_by_verifier(const InstanceSpec& spec);

// An object in the hands of libbpf, before the kernel gets to see anything of it.

struct ObjectClose {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectClose>;

// All that follow throw Error with what libbpf says, or with what the spec asks for in vain.
ObjectPtr open_object(const InstanceSpec& spec);

// What all programs of a chain, its pivot included, have to agree in: the expected attach type of
// their program type, and whether XDP runs on packets in several buffers.
void set_chain_attributes(bpf_program* program, bool frags);

// Only the wanted one of all programs will be loaded. Belongs to the object.
bpf_program* choose_program(bpf_object* object, const InstanceSpec& spec);

void set_rodata(bpf_object* object, const InstanceSpec& spec);
void shape_maps(bpf_object* object, const InstanceSpec& spec); // types and sizes
void share_maps(bpf_object* object, const InstanceSpec& spec); // the given ones

// As everything but libbpf calls it: global data is ".rodata".
std::string map_name(const bpf_map* map);

} // namespace dynmon

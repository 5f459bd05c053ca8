// SPDX-License-Identifier: BSD-2-Clause
// An object in the hands of libbpf, before the kernel gets to see anything of it.
#pragma once

#include <memory>
#include <string>

#include <bpf/libbpf.h>

#include "kernel/load_object.hpp"

namespace dynmon {

struct ObjectClose {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectClose>;

// All that follow throw Error with what libbpf says, or with what the spec asks for in vain.
ObjectPtr open_object(const InstanceSpec& spec);

// What all programs of a chain, its pivot included, have to agree in: the expected attach type of
// their program type, and whether XDP runs on packets in several buffers.
void set_chain_attributes(bpf_program* program, bool frags);

// Of all programs only the wanted one will be loaded. Belongs to the object.
bpf_program* choose_program(bpf_object* object, const InstanceSpec& spec);

void set_rodata(bpf_object* object, const InstanceSpec& spec);
void shape_maps(bpf_object* object, const InstanceSpec& spec); // types and sizes
void share_maps(bpf_object* object, const InstanceSpec& spec); // the given ones

// As everything but libbpf calls it: global data is ".rodata".
std::string map_name(const bpf_map* map);

} // namespace dynmon

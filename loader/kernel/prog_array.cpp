// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/prog_array.hpp"

#include <cerrno>
#include <fstream>

#include <linux/if_link.h>

#include "kernel/bpf.hpp"
#include "kernel/pivot.hpp"

namespace dynmon {

ArrayOwner owner_of(const Fd& array) {
    std::ifstream lines("/proc/self/fdinfo/" + std::to_string(array.get()));
    ArrayOwner owner;
    for (std::string name; lines >> name;) {
        std::uint32_t number = 0;
        if (name == "owner_prog_type:" && lines >> number)
            owner.type = number;
        else if (name == "owner_jited:" && lines >> number)
            owner.jited = number != 0;
        else
            lines.ignore(256, '\n');
        lines.clear(lines.rdstate() & ~std::ios::failbit);
    }
    return owner;
}

// Two programs that differ in nothing else, and one array for both.
bool compares_attach_types() {
    const auto load = [](bpf_attach_type attach_type, Fd& program) {
        return try_load({.type = BPF_PROG_TYPE_XDP,
                         .code = {tiny::set(0, XDP_PASS), tiny::leave()},
                         .attach_type = attach_type},
                        &program) == 0;
    };
    Fd one;
    Fd other;
    if (!load(static_cast<bpf_attach_type>(0), one) || !load(BPF_XDP, other))
        return false;
    try {
        const Fd array =
            create_map({.type = BPF_MAP_TYPE_PROG_ARRAY, .name = "dynmon_try", .max_entries = 2});
        const std::uint32_t slots[] = {0, 1};
        const int first = one.get();
        const int second = other.get();
        update_element(array, &slots[0], &first);
        update_element(array, &slots[1], &second);
    } catch (const Error& error) {
        return error.error_number() == EINVAL;
    }
    return false;
}

Error array_refusal(const std::string& program, bpf_prog_type type, const ArrayOwner& owner,
                    bool attach_types_compared) {
    const std::string what = "put '" + program + "' into the chain: ";
    if (owner.type != 0 && owner.type != type)
        return Error(ErrorKind::unsupported,
                     what + "it is of type " + program_type_name(type) +
                         ", and the programs of the chain are of type " +
                         program_type_name(static_cast<bpf_prog_type>(owner.type)),
                     EINVAL)
            .hint("load it on a hook of its type");
    return Error(ErrorKind::unsupported,
                 what + "the kernel takes only programs that agree with those of the chain in " +
                     (attach_types_compared ? "JIT, XDP frags and expected attach type"
                                            : "JIT and XDP frags"),
                 EINVAL)
        .hint("the chain was made by another loader: unload all monitors of the hook, then load "
              "them again");
}

void put_program(const Fd& array, std::uint32_t slot, const Fd& program) {
    const int fd = program.get();
    try {
        update_element(array, &slot, &fd);
    } catch (const Error& error) {
        if (error.error_number() != EINVAL)
            throw;
        const ProgramFacts facts = program_facts(program);
        throw array_refusal(facts.name, facts.type, owner_of(array), compares_attach_types());
    }
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// BTF types without their wrapping, and what the layout builder wants to know of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <bpf/btf.h>

#include "btf/layout.hpp"

namespace dynmon {

// A type without typedefs, const, volatile, restrict and type tags.
struct BareType {
    const btf_type* type = nullptr;
    std::string name;                   // the outermost typedef, or else `base_name`
    std::string base_name;              // of the type itself
    Semantic semantic = Semantic::none; // of the outermost typedef that has one, or of the struct
    bool big_endian = false;            // one of the typedefs says so
};

// Nothing when a type of the chain does not exist or the chain has no end.
std::optional<BareType> strip_type(const btf* types, std::uint32_t type_id);

// Printable ASCII without quotes and backslashes: a name needs no escaping in any format.
std::string clean_name(const btf* types, std::uint32_t name_offset);
// Also without what paths are made of.
std::string clean_member_name(const btf* types, std::uint32_t name_offset);

std::shared_ptr<const EnumSet> read_enumerators(const btf* types, const BareType& enumeration);

// The enum with this name or with a typedef of this name; else null and, in `nearest`, the name of
// one that is written nearly so, or "".
std::shared_ptr<const EnumSet> find_enumerators(const btf* types, const std::string& name,
                                                std::string& nearest);

// The names as an integer of that width and sign holds them; those that it cannot hold are left
// out.
EnumSet as_values_of(const EnumSet& set, const Layout& field);
// The names of its bits: single ones first, so that a name for several is used only for what they
// leave over.
EnumSet as_flags_of(const EnumSet& set, const Layout& field);

// The type X of a variable `const X* const volatile NAME`, which a program leaves behind so that
// its BTF names X; 0: there is none.
std::uint32_t pointed_type(const btf* types, const std::string& variable);

bool is_kernel_pointer(const btf* types, const BareType& pointer);   // tagged kptr or the like
std::string pointer_name(const btf* types, const BareType& pointer); // "task_struct *"

} // namespace dynmon

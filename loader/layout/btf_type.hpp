// BTF types without their wrapping, and what the layout builder wants to know of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <bpf/btf.h>

#include "layout/layout.hpp"

namespace dynmon {

// A type without typedefs, const, volatile, restrict and type tags.
struct BareType {
    const btf_type* type = nullptr;
    std::string name;                // the outermost typedef, or else `base_name`
    std::string base_name;           // of the type itself
    Meaning meaning = Meaning::none; // of the outermost typedef that has one, or of the struct
};

// Nothing when a type of the chain does not exist or the chain has no end.
std::optional<BareType> strip_type(const btf* types, std::uint32_t type_id);

// Printable ASCII without quotes and backslashes: a name needs no escaping in any format.
std::string clean_name(const btf* types, std::uint32_t name_offset);
// The same for members and variables, without the signs that part the steps of a path.
std::string field_name(const btf* types, std::uint32_t name_offset);

std::shared_ptr<const EnumSet> read_enumerators(const btf* types, const BareType& enumeration);

bool is_kernel_pointer(const btf* types, const BareType& pointer); // tagged kptr or the like

} // namespace dynmon

// Which names stand for which meaning, and which fields a meaning fits; used by the layout builder.
#pragma once

#include <string>
#include <string_view>

#include "layout/layout.hpp"

namespace dynmon {

Meaning meaning_of_typedef(std::string_view name);   // dynmon_ipv4_t, __be32, …
Meaning meaning_of_structure(std::string_view name); // in6_addr, …
Meaning meaning_of_member(std::string_view structure, std::string_view member); // ethhdr.h_dest
bool is_opaque_structure(std::string_view name); // bpf_spin_lock, bpf_timer, …

bool is_byte(const Layout& field); // one whole byte: char, signed char, unsigned char
bool fits(Meaning meaning, const Layout& field);
std::string meaning_name(Meaning meaning);
std::string all_meaning_names();     // "ipv4, ipv6, …"
std::string demand(Meaning meaning); // "a field of 4 bytes", for messages

} // namespace dynmon

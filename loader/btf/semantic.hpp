// SPDX-License-Identifier: BSD-2-Clause
// Which names stand for which semantic, and which fields a semantic fits; used by the layout
// builder.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "btf/layout.hpp"

namespace dynmon {

Semantic semantic_of_typedef(std::string_view name);   // dynmon_ipv4_t, __be32, …
Semantic semantic_of_structure(std::string_view name); // in6_addr, …
// `member` is a path from the struct: "h_dest" of ethhdr, "ipv4.saddr" of bpf_sock_tuple.
Semantic semantic_of_member(std::string_view structure, std::string_view member);
bool is_big_endian_typedef(std::string_view name); // __be16, __sum16, …
std::shared_ptr<const EnumSet> tcp_states();
// bpf_spin_lock, bpf_timer, …: by name and size, as the kernel tells them from others of that name.
bool is_opaque_structure(std::string_view name, std::uint32_t size);

bool is_time(Semantic semantic);            // since the epoch or since boot
bool is_duration(Semantic semantic);        // a length of time
std::uint8_t clock_unit(Semantic semantic); // of both: 0 ns, 1 µs, 2 ms, 3 s
bool is_byte(const Layout& field);          // one whole byte: char, signed char, unsigned char
bool fits(Semantic semantic, const Layout& field);
void set_semantic(Layout& field,
                  Semantic semantic);         // one that fits, with the names it brings along
std::string semantic_name(Semantic semantic); // of a format with a name behind it: "enum:"
std::string all_semantic_names();             // "ipv4, ipv6, …"
std::string demand(Semantic semantic);        // "a field of 4 bytes", for messages

} // namespace dynmon

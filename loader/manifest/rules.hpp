// SPDX-License-Identifier: BSD-2-Clause
// What the texts of a manifest may be: names, field paths, units. The schema says the same.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifest/words.hpp"

namespace dynmon {

// A test with the words for a text that fails it: "'name' " + says + ", not 'x'".
struct TextRule {
    bool (*holds)(std::string_view text);
    const char* says;
};

namespace rule {
extern const TextRule any_text;
extern const TextRule some_text;   // not empty
extern const TextRule identifier;  // base/identifier.hpp
extern const TextRule c_name;      // programs, maps, parameters
extern const TextRule format_name; // "ipv4", "enum:tcp_state"; which there are, btf/ knows
extern const TextRule map_name;    // a map or a section of global data: ".bss", ".data.x"
extern const TextRule file_name;   // no '/'
extern const TextRule label_name;  // Prometheus, without the names dynmon and Prometheus use
extern const TextRule family_name; // an OpenMetrics family without reserved suffix
extern const TextRule unit_name;
extern const TextRule key_field;   // one field: "key.addr[2].x"
extern const TextRule value_field; // one field: "value", "value.packets"
extern const TextRule value_path;  // also every element of an array: "value.list[].x"
extern const TextRule any_path;    // the same, of key or value
extern const TextRule sha256;      // 64 hex digits
extern const TextRule product;     // "n_session * 100": whole numbers and parameters
} // namespace rule

// The factors of a product, which holds.
std::vector<std::string> factors_of(std::string_view text);

// The texts of an enum, in the order people read them.
template <typename Enum>
using Choices = std::vector<std::pair<std::string, Enum>>;

extern const Choices<HookKind> hook_choices;
extern const Choices<XdpMode> xdp_mode_choices;
extern const Choices<bool> fallback_choices; // true: generic
extern const Choices<bool> verdict_choices;  // true: may drop
extern const Choices<Power> power_choices;
extern const Choices<MetricType> type_choices;
extern const Choices<BucketScale> scale_choices;
extern const Choices<Merge> merge_choices;
extern const Choices<Merge> field_merge_choices; // without none: one field cannot stay apart

// "packets_total" → "packets": what OpenMetrics calls the family.
std::string_view without_total(std::string_view name);

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
#include "export/ipfix_options.hpp"

#include <algorithm>
#include <vector>

#include "export/ipfix_message.hpp"
#include "export/ipfix_template.hpp"

namespace dynmon::ipfix {

namespace {

constexpr std::uint16_t options_template_set = 3;
constexpr std::size_t header_of_set = 4;
constexpr std::size_t name_size = 16;              // of an interface in Linux, with its end
constexpr std::uint16_t uniform_probabilistic = 4; // of the registry of psamp-parameters

// A value with its element; text where `size` is name_size.
struct Option {
    std::uint16_t element;
    std::uint16_t size;
    std::uint64_t number;
    std::string text = {};
};

// The first option is the scope: what the others are about.
struct Options {
    std::uint16_t id; // of their template
    std::vector<Option> fields;
};

void put_set(std::uint16_t id, const std::string& content, std::string& out) {
    put(id, out);
    put(static_cast<std::uint16_t>(header_of_set + content.size()), out);
    out += content;
}

void put_template(const Options& options, std::string& out) {
    put(options.id, out);
    put(static_cast<std::uint16_t>(options.fields.size()), out);
    put(std::uint16_t{1}, out); // fields of the scope
    for (const Option& field : options.fields) {
        put(field.element, out);
        put(field.size, out);
    }
}

void put_value(const Option& field, std::string& out) {
    if (field.size == name_size) {
        const std::string text = field.text.substr(0, name_size - 1);
        out += text + std::string(name_size - text.size(), '\0');
        return;
    }
    for (int shift = field.size * 8 - 8; shift >= 0; shift -= 8)
        out += static_cast<char>(field.number >> shift & 0xff);
}

// What is read right by nfcapd 1.7, nfacctd 1.7 and fastnetmon 1.2: the three fields of PSAMP
// together, then the older one in a record of its own, both in front of the flows.
std::vector<Options> options_of(const Facts& facts, const Statistics& statistics,
                                const Domain& domain) {
    const Option in_domain{149, 4, domain.id};
    const std::uint64_t sample = std::max<std::uint32_t>(facts.sample, 1);
    std::vector<Options> all = {
        {262, {in_domain, {305, 4, 1}, {306, 4, sample - 1}, {304, 2, uniform_probabilistic}}},
        {263, {in_domain, {34, 4, sample}}},
        {264,
         {in_domain,
          {160, 8, facts.started_ms},
          {42, 8, statistics.exported_flows},
          {164, 8, statistics.ignored_packets},
          {135, 8, statistics.dropped_packets},
          {166, 8, statistics.unsent_flows}}}};
    if (!facts.interface_name.empty())
        all.push_back({265, {{10, 4, domain.interface}, {82, name_size, 0, facts.interface_name}}});
    return all;
}

} // namespace

std::size_t put_options(const Facts& facts, const Statistics& statistics, const Domain& domain,
                        bool with_templates, std::string& out) {
    const std::vector<Options> all = options_of(facts, statistics, domain);
    for (std::size_t i = 0; with_templates && i < all.size(); ++i) {
        std::string alone; // nfcapd 1.7 looks at no more than one in a set
        put_template(all[i], alone);
        put_set(options_template_set, alone, out);
    }
    for (const Options& options : all) {
        std::string record;
        for (const Option& field : options.fields)
            put_value(field, record);
        put_set(options.id, record, out);
    }
    return all.size();
}

} // namespace dynmon::ipfix

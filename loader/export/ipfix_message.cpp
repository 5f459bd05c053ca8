// SPDX-License-Identifier: BSD-2-Clause
#include "export/ipfix_message.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace dynmon::ipfix {

namespace {

constexpr std::uint16_t version = 10;
constexpr std::size_t set_header = 4;

void put_header(std::uint32_t export_time, std::uint32_t sequence, std::uint32_t domain,
                std::string& out) {
    put(version, out);
    put(std::uint16_t{0}, out); // the length, when it is known
    put(export_time, out);
    put(sequence, out);
    put(domain, out);
}

void set_length(std::size_t at, std::size_t length, std::string& message) {
    message[at] = static_cast<char>(length >> 8);
    message[at + 1] = static_cast<char>(length & 0xff);
}

// A set of records of one template; its length is written when the next one begins.
class DataSets {
public:
    DataSets(std::string& message, std::size_t max_bytes)
        : message_(message), max_bytes_(max_bytes) {}

    bool add(const FlowRecord& flow, const Domain& domain) {
        const Template which = template_of(flow.key);
        const bool same = start_ != 0 && which == which_;
        if (message_.size() + (same ? 0 : set_header) + record_size(which) > max_bytes_)
            return false;
        if (!same)
            begin(which);
        put_record(which, flow, domain, message_);
        return true;
    }

    void end() {
        if (start_ != 0)
            set_length(start_ + 2, message_.size() - start_, message_);
    }

private:
    void begin(Template which) {
        end();
        start_ = message_.size();
        which_ = which;
        put(static_cast<std::uint16_t>(which), message_);
        put(std::uint16_t{0}, message_);
    }

    std::string& message_;
    std::size_t max_bytes_;
    std::size_t start_ = 0; // of the set; 0: none yet
    Template which_ = Template::ipv4;
};

} // namespace

Template template_of(const FlowKey& key) {
    const bool v4 = key.ip_version == 4;
    if (has_unknown_type(key))
        return v4 ? Template::icmpv4_unknown : Template::icmpv6_unknown;
    if (!is_icmp_of_its_version(key))
        return v4 ? Template::ipv4 : Template::ipv6;
    return v4 ? Template::icmpv4 : Template::icmpv6;
}

std::uint32_t domain_of(std::string_view monitor, std::uint64_t netns, std::uint32_t interface) {
    std::string text(monitor);
    text += '\0'; // no name has one
    put(netns, text);
    put(interface, text);
    std::uint32_t hash = 0x811c9dc5; // FNV-1a, which is the same in every build
    for (const char byte : text)
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x01000193;
    return hash == 0 ? 1 : hash;
}

std::size_t Writer::write(std::span<const FlowRecord> flows, bool with_templates,
                          std::size_t max_bytes, std::uint32_t export_time, std::string& message) {
    message.clear();
    put_header(export_time, sequence_, domain_.id, message);
    if (with_templates)
        put_templates(message);
    DataSets sets(message, max_bytes);
    std::size_t written = 0;
    while (written < flows.size() && sets.add(flows[written], domain_))
        ++written;
    sets.end();
    set_length(2, message.size(), message);
    sequence_ += static_cast<std::uint32_t>(written);
    return written;
}

void Writer::write_options(const Facts& facts, const Statistics& statistics, bool with_templates,
                           std::uint32_t export_time, std::string& message) {
    message.clear();
    put_header(export_time, sequence_, domain_.id, message);
    const std::size_t records = put_options(facts, statistics, domain_, with_templates, message);
    set_length(2, message.size(), message);
    sequence_ += static_cast<std::uint32_t>(records);
}

} // namespace dynmon::ipfix

namespace dynmon::ipfix {

namespace {

constexpr std::uint16_t template_set = 2;
constexpr std::uint64_t ns_per_ms = 1'000'000;

using Flow = FlowRecord;

constexpr Element number(std::uint16_t id, std::uint16_t size,
                         std::uint64_t (*value)(const Flow&, const Domain&)) {
    return {id, size, value, nullptr};
}
constexpr Element bytes(std::uint16_t id, std::uint16_t size,
                        const std::uint8_t* (*value)(const Flow&)) {
    return {id, size, nullptr, value};
}

constexpr Element source_ipv4 =
    bytes(8, 4, [](const Flow& flow) { return flow.key.saddr.data() + 12; });
constexpr Element destination_ipv4 =
    bytes(12, 4, [](const Flow& flow) { return flow.key.daddr.data() + 12; });
constexpr Element source_ipv6 =
    bytes(27, 16, [](const Flow& flow) { return flow.key.saddr.data(); });
constexpr Element destination_ipv6 =
    bytes(28, 16, [](const Flow& flow) { return flow.key.daddr.data(); });
constexpr Element source_port =
    number(7, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.sport; });
constexpr Element destination_port =
    number(11, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.dport; });
constexpr Element icmp_ipv4 =
    number(32, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.dport; });
constexpr Element icmp_ipv6 =
    number(139, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.dport; });
constexpr Element protocol =
    number(4, 1, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.proto; });
constexpr Element tcp_flags =
    number(6, 1, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.tcp_flags; });
constexpr Element class_of_service =
    number(5, 1, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.tos; });
constexpr Element octets =
    number(1, 8, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.bytes; });
constexpr Element packets =
    number(2, 8, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.packets; });
constexpr Element flow_count =
    number(3, 4, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.flows; });
constexpr Element start = number(152, 8, [](const Flow& flow, const Domain&) -> std::uint64_t {
    return flow.first_ns / ns_per_ms;
});
constexpr Element end = number(153, 8, [](const Flow& flow, const Domain&) -> std::uint64_t {
    return flow.last_ns / ns_per_ms;
});
constexpr Element end_reason = number(136, 1, [](const Flow& flow, const Domain&) {
    return static_cast<std::uint64_t>(flow.reason);
});
constexpr Element direction =
    number(61, 1, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.egress; });
constexpr Element ingress_interface =
    number(10, 4, [](const Flow& flow, const Domain& domain) -> std::uint64_t {
        return flow.key.egress ? 0 : domain.interface;
    });
constexpr Element egress_interface =
    number(14, 4, [](const Flow& flow, const Domain& domain) -> std::uint64_t {
        return flow.key.egress ? domain.interface : 0;
    });
constexpr Element vlan =
    number(58, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.vlan; });

template <typename... Special>
constexpr auto with_common(Special... special) {
    return std::array{
        special..., protocol,  class_of_service,  octets,           packets, flow_count, start, end,
        end_reason, direction, ingress_interface, egress_interface, vlan};
}

constexpr auto ipv4_elements =
    with_common(source_ipv4, destination_ipv4, source_port, destination_port, tcp_flags);
constexpr auto ipv6_elements =
    with_common(source_ipv6, destination_ipv6, source_port, destination_port, tcp_flags);
// Type and code are the destination port too: many collectors look for them there alone.
constexpr auto icmpv4_elements =
    with_common(source_ipv4, destination_ipv4, destination_port, icmp_ipv4);
constexpr auto icmpv6_elements =
    with_common(source_ipv6, destination_ipv6, destination_port, icmp_ipv6);
constexpr auto icmpv4_unknown_elements = with_common(source_ipv4, destination_ipv4);
constexpr auto icmpv6_unknown_elements = with_common(source_ipv6, destination_ipv6);

void put_number(std::uint64_t value, std::uint16_t size, std::string& out) {
    for (int shift = size * 8 - 8; shift >= 0; shift -= 8)
        out += static_cast<char>(value >> shift & 0xff);
}

} // namespace

std::span<const Element> elements_of(Template which) {
    switch (which) {
    case Template::ipv4:
        return ipv4_elements;
    case Template::ipv6:
        return ipv6_elements;
    case Template::icmpv4:
        return icmpv4_elements;
    case Template::icmpv6:
        return icmpv6_elements;
    case Template::icmpv4_unknown:
        return icmpv4_unknown_elements;
    case Template::icmpv6_unknown:
        return icmpv6_unknown_elements;
    }
    return {};
}

std::size_t record_size(Template which) {
    std::size_t size = 0;
    for (const Element& element : elements_of(which))
        size += element.size;
    return size;
}

void put_templates(std::string& out) {
    constexpr std::array all = {Template::ipv4,           Template::ipv6,
                                Template::icmpv4,         Template::icmpv6,
                                Template::icmpv4_unknown, Template::icmpv6_unknown};
    std::string templates;
    for (const Template which : all) {
        const auto elements = elements_of(which);
        put(static_cast<std::uint16_t>(which), templates);
        put(static_cast<std::uint16_t>(elements.size()), templates);
        for (const Element& element : elements) {
            put(element.id, templates);
            put(element.size, templates);
        }
    }
    put(template_set, out);
    put(static_cast<std::uint16_t>(set_header + templates.size()), out);
    out += templates;
}

void put_record(Template which, const FlowRecord& flow, const Domain& domain, std::string& out) {
    for (const Element& element : elements_of(which)) {
        if (element.bytes != nullptr)
            out.append(reinterpret_cast<const char*>(element.bytes(flow)), element.size);
        else
            put_number(element.number(flow, domain), element.size, out);
    }
}

} // namespace dynmon::ipfix

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

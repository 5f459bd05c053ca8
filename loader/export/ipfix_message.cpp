// SPDX-License-Identifier: BSD-2-Clause
#include "export/ipfix_message.hpp"

#include "export/ipfix_template.hpp"

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

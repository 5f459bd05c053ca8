// SPDX-License-Identifier: BSD-2-Clause
// Flows to make records of, and a reader of IPFIX messages that knows RFC 7011 and nothing of ours.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "export/flow_record.hpp"

namespace dynmon::test {

inline constexpr std::uint64_t second = 1'000'000'000;

// 10.0.0.1:`sport` → 10.0.0.2:443, or the same in fd00::/8.
inline FlowRecord flow_of(std::uint16_t sport, std::uint8_t proto = 6, std::uint8_t version = 4) {
    FlowRecord flow;
    flow.key.ip_version = version;
    flow.key.proto = proto;
    flow.key.sport = sport;
    flow.key.dport = 443;
    for (auto* address : {&flow.key.saddr, &flow.key.daddr}) {
        const auto host = static_cast<std::uint8_t>(address == &flow.key.saddr ? 1 : 2);
        if (version == 4)
            *address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, host};
        else
            *address = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host};
    }
    flow.packets = 1;
    flow.bytes = 100;
    return flow;
}

struct Message {
    std::uint32_t export_time = 0;
    std::uint32_t sequence = 0;
    std::uint32_t domain = 0;
    std::size_t templates = 0; // in this message
    std::size_t option_templates = 0;
    // Element → its bytes, a record each; and the number of its template.
    std::vector<std::pair<std::uint16_t, std::map<unsigned, std::string>>> records;

    std::uint64_t number(std::size_t record, unsigned element) const {
        std::uint64_t value = 0;
        for (const char byte : records.at(record).second.at(element))
            value = value << 8 | static_cast<unsigned char>(byte);
        return value;
    }
};

// Remembers templates from one message to the next, as a collector does.
class Decoder {
public:
    Message decode(const std::string& bytes) {
        text_ = &bytes;
        at_ = 0;
        Message message;
        REQUIRE(bytes.size() >= 16);
        REQUIRE(take(2) == 10);
        REQUIRE(take(2) == bytes.size());
        message.export_time = static_cast<std::uint32_t>(take(4));
        message.sequence = static_cast<std::uint32_t>(take(4));
        message.domain = static_cast<std::uint32_t>(take(4));
        while (at_ < bytes.size())
            decode_set(message);
        return message;
    }

private:
    using Template = std::vector<std::pair<unsigned, std::size_t>>; // element, size

    std::uint64_t take(std::size_t size) {
        REQUIRE(at_ + size <= text_->size());
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < size; ++i)
            value = value << 8 | static_cast<unsigned char>((*text_)[at_++]);
        return value;
    }

    void decode_set(Message& message) {
        const std::size_t start = at_;
        const auto id = static_cast<std::uint16_t>(take(2));
        const std::size_t end = start + take(2);
        REQUIRE(end <= text_->size());
        REQUIRE(end > at_); // a set has at least one record
        while (at_ < end) {
            if (id == 2)
                decode_template(message);
            else if (id == 3)
                decode_option_template(message);
            else
                decode_record(id, message);
        }
        REQUIRE(at_ == end); // no record reaches beyond its set, and there is no padding
    }

    void decode_template(Message& message) {
        const auto id = static_cast<std::uint16_t>(take(2));
        decode_fields(id, take(2));
        ++message.templates;
    }

    void decode_option_template(Message& message) {
        const auto id = static_cast<std::uint16_t>(take(2));
        const std::size_t count = take(2), scopes = take(2);
        REQUIRE(scopes > 0);
        REQUIRE(scopes < count);
        decode_fields(id, count);
        ++message.option_templates;
    }

    void decode_fields(std::uint16_t id, std::size_t count) {
        REQUIRE(id >= 256);
        Template fields(count);
        REQUIRE(!fields.empty());
        for (auto& [element, size] : fields) {
            element = static_cast<unsigned>(take(2));
            REQUIRE(element < 0x8000); // of IANA's registry
            size = take(2);
        }
        templates_[id] = fields;
    }

    void decode_record(std::uint16_t id, Message& message) {
        REQUIRE(templates_.count(id) == 1);
        std::map<unsigned, std::string> record;
        for (const auto& [element, size] : templates_[id]) {
            REQUIRE(at_ + size <= text_->size());
            REQUIRE(record.emplace(element, text_->substr(at_, size)).second);
            at_ += size;
        }
        message.records.emplace_back(id, record);
    }

    const std::string* text_ = nullptr;
    std::size_t at_ = 0;
    std::map<std::uint16_t, Template> templates_;
};

} // namespace dynmon::test

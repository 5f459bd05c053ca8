// SPDX-License-Identifier: BSD-2-Clause
#include "state/json_pin.hpp"

#include <cstring>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

namespace {
constexpr std::uint32_t most_bytes = 16u << 20; // the largest record is the BTF of an object
constexpr int deepest = 64;
} // namespace

// Element 0: the bytes, after their number as a u64.
void pin_bytes(const std::string& path, const std::vector<std::byte>& bytes) {
    const std::uint64_t length = bytes.size();
    std::vector<std::byte> value((sizeof length + bytes.size() + 7) / 8 * 8);
    std::memcpy(value.data(), &length, sizeof length);
    if (!bytes.empty())
        std::memcpy(value.data() + sizeof length, bytes.data(), bytes.size());
    const Fd map = create_map({.type = BPF_MAP_TYPE_ARRAY,
                               .name = "dynmon_record",
                               .value_size = static_cast<std::uint32_t>(value.size()),
                               .flags = BPF_F_RDONLY_PROG});
    const std::uint32_t key = 0;
    update_element(map, &key, value.data());
    freeze_map(map);
    pin(map, path);
}

std::vector<std::byte> read_pinned_bytes(const std::string& path) {
    const auto [map, facts] = open_own_map(path, {.type = BPF_MAP_TYPE_ARRAY});
    const std::uint32_t size = facts.value_size;
    const std::uint32_t key = 0;
    std::uint64_t length = 0;
    if (size < sizeof length || size > most_bytes)
        throw Damaged(path + " is not a record of dynmon");
    std::vector<std::byte> value(size);
    if (!lookup_element(map, &key, value.data()))
        throw Damaged(path + " is not a record of dynmon");
    std::memcpy(&length, value.data(), sizeof length);
    if (length > value.size() - sizeof length)
        throw Damaged(path + " is not a record of dynmon");
    value.erase(value.begin(), value.begin() + sizeof length);
    value.resize(length);
    return value;
}

void pin_json(const std::string& path, nlohmann::json document) {
    bytes_to_hex(document);
    const std::string text = json_text(document);
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    pin_bytes(path, std::vector<std::byte>(bytes, bytes + text.size()));
}

nlohmann::json read_pinned_json(const std::string& path) {
    const std::vector<std::byte> bytes = read_pinned_bytes(path);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    bool deep = false;
    // What is nested without end would be printed and copied without end, too.
    const auto bounded = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        deep = deep || depth > deepest;
        return !deep;
    };
    nlohmann::json document = nlohmann::json::parse(text, text + bytes.size(), bounded, false);
    if (document.is_discarded() || deep)
        throw Damaged(path + " does not hold JSON");
    hex_to_bytes(document);
    return document;
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// JSON and raw bytes kept in a pinned map, beside the objects they describe: they live and die
// together, and no process can change a frozen map. What was made of one holds as long as the
// same inode stands at its path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

void pin_bytes(const std::string& path, const std::vector<std::byte>& bytes);
std::vector<std::byte> read_pinned_bytes(const std::string& path);

void pin_json(const std::string& path, nlohmann::json document);
nlohmann::json read_pinned_json(const std::string& path); // throws Damaged when it is not ours

// What `read` makes of the document at `path`; Damaged when that does not fit.
template <typename Read>
auto from_pinned_json(const std::string& path, Read&& read) {
    const nlohmann::json document = read_pinned_json(path);
    try {
        return read(document);
    } catch (const nlohmann::json::exception& error) {
        throw Damaged(path + " is damaged: " + error.what());
    }
}

// What a pin holds that cannot change while the pin stands, read once: a frozen record, the number
// of a program.

// One for each kind of value and process. Thread-safe.
template <typename Value>
class PinCache {
public:
    // What `read()` makes of the pin at `path`, from the last call if the same pin still stands
    // there. Passes on what `read` throws, and remembers nothing then.
    template <typename Read>
    std::shared_ptr<const Value> get(const std::string& path, Read&& read) {
        const std::lock_guard lock(mutex_);
        // Before the pin is opened: if another one comes in between, it is read again next time.
        const std::optional<PinIdentity> identity = pin_identity(path);
        if (const auto known = values_.find(path); known != values_.end()) {
            if (identity == known->second.first)
                return known->second.second;
            values_.erase(known);
        }
        auto value = std::make_shared<const Value>(read());
        if (!identity)
            return value;
        if (values_.size() >= most)
            values_.clear();
        values_.emplace(path, std::pair(*identity, value));
        return value;
    }

private:
    static constexpr std::size_t most = 4096; // of long runs, whose monitors come and go

    std::mutex mutex_;
    std::map<std::string, std::pair<PinIdentity, std::shared_ptr<const Value>>> values_;
};

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// One entry of a map of a running monitor, written or removed from outside.
#pragma once

#include <optional>
#include <string>

#include "btf/layout.hpp"
#include "control/settings.hpp"
#include "kernel/bpf.hpp"
#include "source/find_map.hpp"

namespace dynmon {

// JSON texts.
struct Entry {
    std::string key;
    std::string value;
    std::optional<std::string> was; // nothing: there was none
};

class EntryMap {
public:
    // `name`: MONITOR/MAP. Throws Error{usage} for what is no hash, array or trie, for a map that
    // is swapped (half of the programs would not see it) and for global variables.
    static EntryMap open(const Settings& settings, const std::string& name);

    // Key and value as encode() takes them; fields of the value that are not named stay as they
    // are, or are 0 in a new entry. Throws Error{usage} for what does not fit the types.
    Entry set(const std::string& key, const std::string& value) const;
    Entry remove(const std::string& key) const; // Error{usage} when it is not there

private:
    std::vector<std::byte> encode_key(const std::string& key) const;
    // The value of exactly this key: a look-up in a trie finds a shorter prefix too.
    bool read(const std::vector<std::byte>& key, std::vector<std::byte>& value) const;

    Fd map_;
    MapFacts facts_;
    std::string name_;
    Layout key_;
    Layout value_;
};

} // namespace dynmon

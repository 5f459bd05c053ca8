// SPDX-License-Identifier: BSD-2-Clause
// The probes that an administrator lets in: objects by the SHA-256 of their bytes, each with what
// its manifest may be.
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/words.hpp"

namespace dynmon {

// SHA-256 as FIPS 180-4 defines it. https://doi.org/10.6028/NIST.FIPS.180-4

std::string sha256_hex(std::span<const std::byte> bytes); // 64 hex digits, lower case

// What is to be loaded.
struct Candidate {
    std::string object; // its path
    std::string sha256;
    std::string manifest_sha256; // "": there is none, it is derived from the object
    std::set<Power> may;         // what the manifest claims
};

class AllowList {
public:
    // Throws Error{rejected} for a file that is not believed (object/trust.hpp), and for one that
    // is no such list: a list that cannot be trusted allows nothing.
    static AllowList read(const std::string& path);
    static AllowList parse(std::string_view text, const std::string& path);

    const std::string& path() const { return path_; }
    bool knows(const std::string& sha256) const; // whether an entry has the object
    bool allows(const Candidate& candidate) const;

private:
    struct Entry {
        std::string sha256;
        std::string manifest; // SHA-256 of the one that goes with it; "": any that claims no more
        std::set<Power> may;  // than this
    };

    std::string path_;
    std::vector<Entry> entries_;
};

using AllowLists = std::vector<AllowList>;

// The lists that hold for a load: that of the machine if it has one, and `file` unless it is "".
// An object has to be on each of them: no list makes another one wider.
AllowLists allow_lists(const std::string& file);

// Throws Error{rejected} that names the hash and the list which does not allow the candidate.
void require_allowed(const AllowLists& lists, const Candidate& candidate);

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// Probes that the compile helper made, kept so that a document is compiled once.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "object/new_folder.hpp"

namespace dynmon::serve {

// A folder with a folder for each probe, by the digest of its document. Only the server's user may
// write to it. Not thread-safe; one process at a time writes.
class ImportedProbes {
public:
    static constexpr std::size_t most_probes = 256;
    static constexpr std::size_t most_bytes = std::size_t{256} << 20;

    explicit ImportedProbes(std::string folder) : folder_(std::move(folder)) {}

    // The probe's folder; "": there is none. Throws Error{failed} where other users could have
    // written it.
    std::string find(const std::string& digest) const;

    // Keeps the files when `check`, which gets their folder, throws nothing; then removes those
    // that were used longest ago, down to the limits. Throws Error, and what `check` throws.
    void add(const std::string& digest, const std::vector<NewFile>& files,
             const std::function<void(const std::string& folder)>& check) const;
    void remove(const std::string& digest) const;

private:
    std::string path_of(const std::string& name) const { return folder_ + "/" + name; }
    void make_room(const std::string& kept) const;

    std::string folder_;
};

} // namespace dynmon::serve

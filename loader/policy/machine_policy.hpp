// SPDX-License-Identifier: BSD-2-Clause
// What an administrator lets probes do on this machine, whatever their manifests say.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/words.hpp"

namespace dynmon {

struct Manifest;

class MachinePolicy {
public:
    // A file that is trusted as an allow list is; throws Error{rejected} for any other, and for one
    // that is no policy.
    static MachinePolicy read(const std::string& path);
    static MachinePolicy parse(std::string_view text, const std::string& path);

    const std::string& path() const { return path_; }
    bool allows(Power power) const { return !may_ || may_->contains(power); }
    std::optional<std::uint64_t> map_memory() const { return map_memory_; } // bytes
    std::optional<std::uint64_t> instructions() const { return instructions_; }

private:
    std::string path_;
    std::optional<std::set<Power>> may_; // unset: everything
    std::optional<std::uint64_t> map_memory_;
    std::optional<std::uint64_t> instructions_;
};

// That of the machine if it has one, and `file` unless it is "". No policy makes another one wider.
using MachinePolicies = std::vector<MachinePolicy>;
MachinePolicies machine_policies(const std::string& file);

// Throws Error{rejected} that names the power and the policy which lacks it.
void require_allowed_powers(const MachinePolicies& policies, const Manifest& manifest);

// Bytes that the maps of one probe may take.
std::uint64_t map_memory_limit(const MachinePolicies& policies);

// Instructions that a program may run for one packet.
std::uint64_t instruction_limit(const MachinePolicies& policies);

} // namespace dynmon

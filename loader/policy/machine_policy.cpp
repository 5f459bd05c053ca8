// SPDX-License-Identifier: BSD-2-Clause
#include "policy/machine_policy.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "manifest/document.hpp"
#include "manifest/fields.hpp"
#include "manifest/manifest.hpp"
#include "object/trust.hpp"
#include "policy/instructions.hpp"
#include "policy/memory.hpp"
#include "policy/rules.hpp"

namespace dynmon {

namespace {

constexpr std::int64_t most_mebibytes = std::int64_t{1} << 30;
constexpr std::int64_t most_instructions = 1'000'000'000'000;

// The least of what the policies say, or `preset` when none says anything.
std::uint64_t least_of(const MachinePolicies& policies,
                       std::optional<std::uint64_t> (MachinePolicy::*limit)() const,
                       std::uint64_t preset) {
    std::optional<std::uint64_t> least;
    for (const MachinePolicy& policy : policies)
        if (const auto number = (policy.*limit)())
            least = std::min(least.value_or(UINT64_MAX), *number);
    return least.value_or(preset);
}

} // namespace

MachinePolicy MachinePolicy::parse(std::string_view text, const std::string& path) {
    MachinePolicy policy;
    policy.path_ = path;
    Faults faults;
    if (const std::optional<Node> root = parse_document(text, faults.list())) {
        const Fields fields(*root, "a policy", {"may", "map-memory-mib", "instructions"}, {},
                            faults);
        if (fields.mentions("may"))
            policy.may_ = with_implied(read_powers(fields, "may"));
        if (const auto mebibytes = fields.whole("map-memory-mib", 1, most_mebibytes))
            policy.map_memory_ = static_cast<std::uint64_t>(*mebibytes) << 20;
        if (const auto count = fields.whole("instructions", 1, most_instructions))
            policy.instructions_ = static_cast<std::uint64_t>(*count);
    }
    faults.reject(path, "nothing is loaded until the policy can be read");
    return policy;
}

MachinePolicy MachinePolicy::read(const std::string& path) {
    return parse(read_trusted_text(path, "policy"), path);
}

MachinePolicies machine_policies(const std::string& file) {
    return read_lists<MachinePolicy>(DYNMON_POLICY_FILE, file);
}

void require_allowed_powers(const MachinePolicies& policies, const Manifest& manifest) {
    for (const MachinePolicy& policy : policies)
        for (const Power power : manifest.may)
            if (!policy.allows(power))
                throw Error(ErrorKind::rejected, "probe '" + manifest.name + "' " +
                                                     words_of(power) + ", which " + policy.path() +
                                                     " does not allow")
                    .hint(std::string("if it is to be allowed, add to `may` there: ") +
                          to_string(power));
}

std::uint64_t map_memory_limit(const MachinePolicies& policies) {
    return least_of(policies, &MachinePolicy::map_memory, preset_map_memory);
}

std::uint64_t instruction_limit(const MachinePolicies& policies) {
    return least_of(policies, &MachinePolicy::instructions, preset_instructions);
}

} // namespace dynmon

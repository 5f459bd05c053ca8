// The deny lists of a running monitor, one of a family.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/deny_list.hpp"
#include "monitor/settings.hpp"

namespace dynmon {

class DenyLists {
public:
    // Throws Error{usage} when the monitor has none, or two of a family.
    static DenyLists open(const Settings& settings, const std::string& monitor);

    // Throws Error{usage} for a family that the monitor has no list of.
    DenyList& list_for(const Network& network);

    std::vector<Denied> entries() const;             // by network: IPv4 first
    std::vector<Denied> purge(std::uint64_t now_ns); // what had expired, and is gone now

private:
    std::string monitor_;
    std::vector<DenyList> lists_;
};

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// What collectors are told of the export itself: records of options (RFC 7011, 3.4.2). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dynmon::ipfix {

struct Facts {
    std::uint32_t sample = 1;     // the probe looks at one packet of so many
    std::string interface_name;   // "": not known
    std::uint64_t started_ms = 0; // of the export, since the epoch
};

// Since the export began.
struct Statistics {
    std::uint64_t exported_flows = 0;
    std::uint64_t ignored_packets = 0; // the probe could not make anything of them
    std::uint64_t dropped_packets = 0; // the probe had no room for them
    std::uint64_t unsent_flows = 0;
};

struct Domain;

// Appends sets of records, behind one of their templates if `with_templates`. Returns the number of
// records.
std::size_t put_options(const Facts& facts, const Statistics& statistics, const Domain& domain,
                        bool with_templates, std::string& out);

} // namespace dynmon::ipfix

// SPDX-License-Identifier: BSD-2-Clause
// The other side of a monitor's programs put in front of the packets, on all its hooks.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "hook/chain.hpp"
#include "hook/chain_order.hpp"
#include "state/generation.hpp"
#include "state/lock.hpp"
#include "state/store.hpp"

namespace dynmon {

// Finds the places of a generation's programs, so that run() does nothing but write slots. The
// store must be locked exclusively from before it is made until run() has returned.
class MonitorSwap {
public:
    // `next`: the side that is to run. Throws as open_chain_of(). Programs that packets do not run
    // through, and hooks that are gone, are left out. `before`: places of an earlier look, as
    // ChainPosition::find() wants them, in the order of the programs in a chain.
    MonitorSwap(const Store& store, const GenerationDir& dir, const GenerationRecord& record,
                Side next, std::vector<ChainPosition> before = {});
    void run(const DirectoryLock& lock);

private:
    bool find_positions(const Store& store, const GenerationDir& dir,
                        const GenerationRecord& record, std::vector<ChainPosition> before);
    void look_at_chains(const Store& store, const GenerationRecord& record);

    struct OpenedWrite {
        Fd chain;
        std::uint32_t slot = 0;
        Fd program;
    };

    Side next_;
    // Where the store knows the order of every chain: the places, each with the standby instance.
    std::vector<std::pair<ChainPosition, Fd>> positions_;
    // Else what the chains, read whole, need.
    std::vector<OpenedWrite> writes_;
};

} // namespace dynmon

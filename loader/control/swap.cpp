// SPDX-License-Identifier: BSD-2-Clause
#include "control/swap.hpp"

#include "control/chain_lookup.hpp"
#include "hook/hook.hpp"
#include "kernel/prog_array.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

MonitorSwap::MonitorSwap(const Store& store, const GenerationDir& dir,
                         const GenerationRecord& record, Side next,
                         std::vector<ChainPosition> before)
    : next_(next) {
    if (!find_positions(store, dir, record, std::move(before)))
        look_at_chains(store, record);
}

// False: the order of a chain is not known, or is not that of its slots.
bool MonitorSwap::find_positions(const Store& store, const GenerationDir& dir,
                                 const GenerationRecord& record,
                                 std::vector<ChainPosition> before) {
    std::size_t next_before = 0;
    for (const ProgramRecord& program : record.programs) {
        if (!exists(store.hook_dir(program.hook)))
            continue;
        ChainPosition* const known = next_before < before.size() ? &before[next_before++] : nullptr;
        auto position = ChainPosition::find(store, program.hook, program, known);
        if (!position) {
            positions_.clear();
            return false;
        }
        positions_.emplace_back(std::move(*position), dir.open_program(program, next_));
    }
    return true;
}

void MonitorSwap::look_at_chains(const Store& store, const GenerationRecord& record) {
    for (const ProgramRecord& program : record.programs) {
        if (!exists(store.hook_dir(program.hook)))
            continue;
        const Chain chain = open_chain_of(store, program.hook);
        const auto member = chain.find(record.monitor, record.number);
        if (!member || !chain.active_side(record.monitor, record.number))
            continue;
        for (const SlotWrite& write : chain.swap(*member, next_).writes)
            writes_.push_back({open_chain(store, program.hook), write.slot,
                               open_own_program(write.after->path, write.after->id)});
    }
}

void MonitorSwap::run(const DirectoryLock& lock) {
    for (auto& [position, standby] : positions_)
        position.swap(lock, next_, standby);
    for (const OpenedWrite& write : writes_)
        put_program(write.chain, write.slot, write.program);
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
#include "hook/chain_order.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/prog_array.hpp"
#include "state/bpffs.hpp"
#include "state/json_pin.hpp"

namespace dynmon {

using nlohmann::json;

namespace {

// `taken`: slots of the programs before.
bool is_possible(const OrderedProgram& program, std::set<std::uint32_t>& taken) {
    return !program.ids.empty() && program.ids.size() <= 2 &&
           program.slots.size() == program.ids.size() &&
           std::all_of(program.slots.begin(), program.slots.end(), [&](std::uint32_t slot) {
               return slot < limits::chain_slots && taken.insert(slot).second;
           });
}

std::vector<OrderedProgram> order_from(const json& document, const std::string& path) {
    std::vector<OrderedProgram> programs;
    std::set<std::uint32_t> taken{head_slot};
    for (const json& program : document) {
        programs.push_back({program.at("ids").get<std::vector<std::uint32_t>>(),
                            program.at("slots").get<std::vector<std::uint32_t>>()});
        if (!is_possible(programs.back(), taken))
            throw Damaged(path + " is damaged: a program with impossible slots");
    }
    return programs;
}

std::optional<std::uint32_t> id_in(const Fd& chain, std::uint32_t slot) {
    std::uint32_t id = 0;
    return lookup_element(chain, &slot, &id) ? std::optional(id) : std::nullopt;
}

// Which instance of `program` all of `slots` hold.
std::optional<Side> side_in(const Fd& chain, const std::vector<std::uint32_t>& slots,
                            const OrderedProgram& program) {
    std::optional<std::uint32_t> first;
    for (const std::uint32_t slot : slots) {
        const auto id = id_in(chain, slot);
        if (!id || (first && *first != *id))
            return std::nullopt;
        first = id;
    }
    const auto found = std::find(program.ids.begin(), program.ids.end(), *first);
    if (found == program.ids.end())
        return std::nullopt;
    return static_cast<Side>(found - program.ids.begin());
}

bool are_empty(const Fd& chain, const std::vector<std::uint32_t>& slots) {
    return std::none_of(slots.begin(), slots.end(),
                        [&](std::uint32_t slot) { return id_in(chain, slot).has_value(); });
}

} // namespace

std::optional<std::vector<OrderedProgram>> ChainOrder::read() const {
    static PinCache<std::vector<OrderedProgram>> known;
    if (!exists(path_))
        return std::nullopt;
    try {
        return *known.get(path_, [&] {
            return from_pinned_json(
                path_, [&](const json& document) { return order_from(document, path_); });
        });
    } catch (const Damaged& error) {
        log::debug(error.what());
        return std::nullopt;
    }
}

void ChainOrder::write(const std::vector<OrderedProgram>& programs) const {
    json document = json::array();
    for (const OrderedProgram& program : programs)
        document.push_back({{"ids", program.ids}, {"slots", program.slots}});
    try {
        pin_json(path_, std::move(document));
    } catch (const Error& error) {
        log::debug(path_ + " is not kept: " + error.what());
    }
}

std::optional<ChainPosition> ChainPosition::find(const Store& store, const HookId& hook,
                                                 const ProgramRecord& program,
                                                 ChainPosition* before) {
    const std::string dir = store.hook_dir(hook);
    const Pins pins{pin_identity(dir + "/chain"), pin_identity(dir + "/order")};
    const auto order = ChainOrder(dir).read();
    if (!order)
        return std::nullopt;
    const auto own = std::find_if(order->begin(), order->end(), [&](const OrderedProgram& here) {
        return here.ids == program.ids && here.slots == program.slots;
    });
    if (own == order->end())
        return std::nullopt;
    const bool is_known = before != nullptr && pins.chain && before->pins_ == pins;
    Fd chain = is_known ? std::move(before->chain_) : open_chain(store, hook);
    // Swaps of programs further ahead have changed nothing here.
    auto here = is_known && own - order->begin() > 1 ? own - 1 : order->begin();
    std::vector<std::uint32_t> leading =
        here == order->begin() ? std::vector{head_slot} : (here - 1)->slots;
    for (;; ++here) {
        const auto side = side_in(chain, leading, *here);
        if (!side)
            return std::nullopt;
        if (here == own) {
            const bool leads_on = own + 1 == order->end()
                                      ? are_empty(chain, own->slots)
                                      : side_in(chain, own->slots, *(own + 1)).has_value();
            if (!leads_on)
                return std::nullopt;
            return ChainPosition(std::move(chain), pins, std::move(leading), *side);
        }
        leading = here->slots;
        std::swap(leading.at(static_cast<std::size_t>(*side)), leading.back());
    }
}

void ChainPosition::swap(const DirectoryLock&, Side side, const Fd& program) {
    for (const std::uint32_t slot : slots_)
        put_program(chain_, slot, program);
    side_ = side;
}

} // namespace dynmon

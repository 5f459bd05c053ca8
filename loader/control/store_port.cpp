// SPDX-License-Identifier: BSD-2-Clause
#include "control/store_port.hpp"

#include "control/chain_lookup.hpp"
#include "control/meter.hpp"
#include "control/window.hpp"
#include "control/window_writer.hpp"
#include "hook/chain_order.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/clock.hpp"
#include "kernel/fence.hpp"
#include "kernel/prog_array.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

StoreSnapshot StorePort::look(Width width) {
    const Scope all{
        .health = own_.health, .soundness = true, .contents = true, .upkeep = true, .totals = true};
    return look_at(store_, width == Width::all ? all : own_);
}

const Fd& StorePort::chain_of(const HookId& hook) {
    Fd& chain = chains_[hook];
    if (!chain)
        chain = open_chain(store_, hook);
    return chain;
}

void StorePort::write_slot(const WriteSlot& write) {
    const Fd& chain = chain_of(write.hook);
    if (write.program)
        put_program(chain, write.slot, open_own_program(write.program->path, write.program->id));
    else
        delete_element(chain, &write.slot);
}

void StorePort::fence() {
    fenced_ns_ = epoch_ns();
    dynmon::fence();
}

void StorePort::retire(const Retire& old) const {
    const std::string dir = store_.monitor_dir(old.monitor);
    const GenerationDir generation = generation_dir(dir, old.generation);
    dynmon::retire(generation, generation.read_record(), current_generation(store_, old.monitor),
                   StateMap(dir + "/state"), fenced_ns_);
}

namespace {

[[noreturn]] void throw_unplanned() {
    throw Error(ErrorKind::failed, "a step that this command does not have");
}

} // namespace

void StorePort::run(const Action& action) {
    struct Run {
        StorePort& port;

        void operator()(const MakeFolder& make) const { make_directory(make.path); }
        void operator()(const Rename& rename) const { publish(rename.from, rename.to); }
        void operator()(const Unpin& unpin) const { remove_pin(unpin.path); }
        void operator()(const RemoveTree& remove) const { remove_tree(remove.path); }
        void operator()(const WriteState& write) const {
            MonitorState state = write.state;
            if (write.begins)
                state.from_ns.fill(epoch_ns());
            StateMap(write.path).write(state);
        }
        void operator()(const WriteSlot& write) const { port.write_slot(write); }
        void operator()(const WriteOrder& write) const {
            ChainOrder(port.store_.hook_dir(write.hook)).write(write.programs);
        }
        void operator()(const Fence&) const { port.fence(); }
        void operator()(const CheckLink& check) const { require_own_link(port.store_, check.hook); }
        void operator()(const CheckRights& check) const {
            require_right_to_remove(port.store_, check.hook);
        }
        void operator()(const Detach& detach) const {
            port.chains_.erase(detach.hook);
            detach_hook(port.store_, *port.lock_, detach.hook);
        }
        void operator()(const PinChain& pin) const {
            port.chains_.erase(pin.hook);
            restore_chain(port.store_, *port.lock_, pin.hook, true);
        }
        void operator()(const Retire& old) const { port.retire(old); }
        void operator()(const StopMetering& stop) const {
            const GenerationDir current = current_generation(port.store_, stop.monitor);
            stop_forgotten_metering(port.store_, current, current.read_record());
        }
        void operator()(const MakeTotals& make) const {
            const GenerationDir current =
                generation_dir(make.folder, generation_numbers(make.folder).back());
            make_totals(make.folder, metric_sources(current, current.read_record()));
        }
        void operator()(const MakeState& make) const { StateMap::create(make.path, make.state); }
        // A LoadPort does these.
        void operator()(const MakeHook&) const { throw_unplanned(); }
        void operator()(const AttachAgain&) const { throw_unplanned(); }
        void operator()(const LoadPrograms&) const { throw_unplanned(); }
        void operator()(const PinPart&) const { throw_unplanned(); }
        void operator()(const RemoveStore&) const { port.store_.remove_if_empty(*port.lock_); }
    };
    std::visit(Run{*this}, action);
}

} // namespace dynmon

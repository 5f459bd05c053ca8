// SPDX-License-Identifier: BSD-2-Clause
#include "control/doctor.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include <linux/capability.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "kernel/fence.hpp"
#include "kernel/load_object.hpp"
#include "kernel/pivot.hpp"
#include "object/object.hpp"
#include "sandbox/run_sandboxed.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

constexpr auto advice_of = [](const Error& error) {
    return error.hint().empty() ? std::string("look at it with `dynmon-load status`")
                                : error.hint();
};

std::vector<std::string> staged_in(const Store& store) {
    std::vector<std::string> directories{store.monitors_dir(), store.hooks_dir()};
    for (const std::string& monitor : store.monitors())
        directories.push_back(store.monitor_dir(monitor));
    std::vector<std::string> staged;
    for (const std::string& directory : directories)
        for (const std::string& name : list_directory(directory))
            if (name.starts_with(staging_prefix))
                staged.push_back((directory + "/" + name).substr(store.root().size() + 1));
    return staged;
}

// The file system that the store is, or would be, on.
std::string bpffs_of(const std::string& store) {
    std::filesystem::path path(store);
    if (!path.has_filename()) // ends with a slash
        path = path.parent_path();
    return path.has_parent_path() ? path.parent_path().string() : path.string();
}

void look_into_store(const Settings& settings, SystemReport& found) {
    found.store.path = settings.bpffs;
    found.bpffs = bpffs_facts(bpffs_of(settings.bpffs));
    try {
        const Store store = settings.open_store(false);
        found.store.path = store.root();
        found.bpffs = bpffs_facts(bpffs_of(store.root()));
        if (!store.present())
            return;
        found.store.state = StoreState::ours;
        found.store.contents = read_status(settings, "");
        found.store.staged = staged_in(store);
    } catch (const Error& error) {
        if (!found.bpffs.mounted)
            return; // the diagnosis of the file system says it
        if (error.kind() != ErrorKind::busy)
            found.store.state = StoreState::refused;
        found.ailments.push_back({std::string("store: ") + error.what(), advice_of(error)});
    }
}

// Whether libbpf gets in its sandbox what it needs, with an object that is always there.
void try_sandbox(SystemReport& found) {
    try {
        const Object pivot = Object::parse(pivot_object(), "the built-in pivot");
        for (const ProgramInfo& program : pivot.programs())
            dry_run_load(pivot, {program.name}, {});
    } catch (const Error& error) {
        found.ailments.push_back(
            {std::string("no probe can be loaded: ") + error.what(), advice_of(error)});
        return;
    }
    std::string refused;
    for (const std::string& call : refused_in_sandboxes())
        refused += (refused.empty() ? "" : ", ") + call;
    if (!refused.empty())
        found.ailments.push_back({"libbpf is not tried as it will run: the sandbox around it "
                                  "refuses " +
                                      refused,
                                  refusal_advice()});
}

} // namespace

SystemReport examine(const Settings& settings) {
    SystemReport found{.kernel = kernel_facts()};
    for (const Feature& feature : all_features())
        found.features.push_back({&feature, feature.probe()});
    found.fence_is_membarrier = fence_is_membarrier();
    found.process = process_facts();
    found.restrictions = restrictions();
    try_sandbox(found);
    look_into_store(settings, found);
    for (SystemProblem& ailment : diagnose(found))
        found.ailments.push_back(std::move(ailment));
    return found;
}

namespace {

constexpr std::uint64_t enough_memlock = 64u << 20;
constexpr std::size_t many_unread = 2; // generations: one is there after every replace

using SystemProblems = std::vector<SystemProblem>;

Support support_of(const SystemReport& found, std::string_view name) {
    for (const FoundFeature& entry : found.features)
        if (entry.feature->name == name)
            return entry.support;
    return Support::unknown;
}

void diagnose_features(const SystemReport& found, SystemProblems& out) {
    const auto lacks = [&](std::string_view name) {
        return support_of(found, name) == Support::no;
    };
    if (lacks("btf"))
        out.push_back({"the kernel gives no types of its own in /sys/kernel/btf/vmlinux",
                       "probes that read kernel structures need --btf FILE, "
                       "see `make -f Makefile.bpf min-btf`",
                       false});
    for (const std::string_view needed :
         {"global-data", "map-freeze", "jmp32", "rename-noreplace", "link-detach"})
        if (lacks(needed))
            out.push_back({"the kernel lacks '" + std::string(needed) + "', which every load needs",
                           "use Linux 5.10 or later"});
    if (lacks("xdp-link"))
        out.push_back({"the kernel makes no links of XDP programs", "load with --hook tc", false});
}

void diagnose_rights(const SystemReport& found, SystemProblems& out) {
    const ProcessFacts& process = found.process;
    const bool all = process.has(CAP_SYS_ADMIN);
    if (!all && (!process.has(CAP_BPF) || !process.has(CAP_NET_ADMIN))) {
        out.push_back({"this process may not load: it lacks CAP_BPF or CAP_NET_ADMIN",
                       "run as root to load, and to see the features that are unknown here",
                       false});
        return;
    }
    if (support_of(found, "tcx") != Support::unknown ||
        support_of(found, "batch-hash") != Support::unknown)
        return;
    const bool filtered = process.seccomp.value_or("disabled") != "disabled";
    out.push_back({"bpf(2) is refused although the capabilities are there",
                   filtered ? "a seccomp filter is active: allow bpf in the service or container"
                            : "a security module or RLIMIT_MEMLOCK forbids it: "
                              "look into the kernel's log"});
}

void diagnose_restrictions(const SystemReport& found, SystemProblems& out) {
    const Restrictions& limits = found.restrictions;
    if (limits.unprivileged_bpf_disabled == 0)
        out.push_back({"every user of this machine may load BPF programs",
                       "sysctl kernel.unprivileged_bpf_disabled=2", false});
    if (limits.lockdown == "confidentiality")
        out.push_back({"the kernel is locked down for confidentiality",
                       "probes that read kernel memory are refused, packet probes are not: boot "
                       "with lockdown=integrity if yours is",
                       false});
    if (limits.jit == 0)
        out.push_back({"programs are interpreted, which costs many times as much",
                       "sysctl net.core.bpf_jit_enable=1", false});
    if (support_of(found, "memcg-accounting") == Support::no && limits.memlock < enough_memlock &&
        !found.process.has(CAP_SYS_RESOURCE))
        out.push_back({"RLIMIT_MEMLOCK is " + std::to_string(*limits.memlock) +
                           " bytes and may not be raised: large maps are refused with EPERM",
                       "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit", false});
}

void diagnose_bpffs(const SystemReport& found, SystemProblems& out) {
    if (!found.bpffs.mounted)
        out.push_back({found.bpffs.path + " is not a BPF file system",
                       "mount -t bpf bpf " + found.bpffs.path});
}

std::string hook_text(const HookStatus& hook) {
    std::string text = std::string(to_string(hook.id.point)) + " of " +
                       (hook.device.empty() ? std::to_string(hook.id.ifindex) : hook.device);
    return hook.netns.empty() ? text : text + " in " + hook.netns;
}

bool is_used(const Status& status, const HookId& id) {
    for (const MonitorStatus& monitor : status.monitors)
        for (const ProgramStatus& program : monitor.programs)
            if (program.hook == id)
                return true;
    return false;
}

std::string remedy_of(const Neighbour& neighbour, const HookStatus& hook) {
    const std::string again = "unload the monitors of the hook and load them again";
    if (neighbour.place == Neighbour::Place::tcx && hook.attach == "clsact")
        return again + " with --tc tcx, which goes to the head";
    if (neighbour.program_id == 0)
        return again + " with --tc tcx, or make that filter again with a larger priority";
    return again + ": they go to the head";
}

// XDP always comes before TC: it is shown, but it is no ailment.
void diagnose_front(const std::string& what, const HookStatus& hook, SystemProblems& out) {
    for (const Neighbour& neighbour : hook.in_front.value_or(std::vector<Neighbour>{}))
        if (neighbour.place != Neighbour::Place::xdp)
            out.push_back(
                {what + ": " + describe(neighbour) +
                     " runs in front of dynmon; packets that it does not pass on are not counted",
                 remedy_of(neighbour, hook), false});
}

std::string remedy_or_recover(const std::string& advice) {
    return advice.empty() ? "dynmon-load recover" : advice;
}

void diagnose_hook(const Status& status, const HookStatus& hook, SystemProblems& out) {
    const std::string what = "hook " + hook_text(hook);
    if (!hook.problem.empty() && hook.health != HookHealth::detached)
        out.push_back({what + ": " + hook.problem, remedy_or_recover(hook.advice)});
    else if (!is_used(status, hook.id))
        out.push_back({what + " is used by no monitor", "dynmon-load recover"});
    else if (hook.health == HookHealth::defunct)
        out.push_back(
            {what + ": the device is gone",
             "dynmon-load apply puts a monitor where the traffic is now; unload removes it; "
             "its counts can be read until then"});
    else if (hook.health == HookHealth::detached)
        out.push_back({what + " is not attached: " +
                           (hook.problem.empty() ? "another process detached it" : hook.problem),
                       "dynmon-load apply, for one of its monitors, attaches it again"});
    else if (hook.chain.empty())
        out.push_back({what + ": its chain is empty, so nothing is counted",
                       "dynmon-load recover puts the programs back"});
    if (hook.order == HookOrder::head)
        diagnose_front(what, hook, out);
}

// Its hook says why nothing is counted, unless it is gone.
bool is_told_by_hook(const Status& loaded, const MonitorStatus& monitor) {
    return std::any_of(loaded.hooks.begin(), loaded.hooks.end(), [&](const HookStatus& hook) {
        return !is_counting(hook.health) &&
               std::any_of(monitor.programs.begin(), monitor.programs.end(),
                           [&](const ProgramStatus& program) { return program.hook == hook.id; });
    });
}

bool is_without_place(const Status& loaded, const MonitorStatus& monitor) {
    return (monitor.health == to_string(HookHealth::defunct) ||
            monitor.health == to_string(HookHealth::detached)) &&
           !is_told_by_hook(loaded, monitor);
}

void diagnose_monitor(const Status& loaded, const MonitorStatus& monitor, SystemProblems& out) {
    const std::string what = "monitor '" + monitor.name + "'";
    if (!monitor.problem.empty())
        out.push_back({what + ": " + monitor.problem, remedy_or_recover(monitor.advice)});
    else if (monitor.health == "interrupted")
        out.push_back({what + " was interrupted while it was changed", "dynmon-load recover"});
    else if (is_without_place(loaded, monitor))
        out.push_back({what + ": its interface is gone",
                       "dynmon-load apply puts it where the traffic is now; unload removes it; its "
                       "counts can be read until then"});
    if (monitor.unfinished)
        out.push_back({what + ": " + describe(*monitor.unfinished),
                       "dynmon-load read " + monitor.name + " hands it out again", false});
    if (monitor.unread_generations >= many_unread)
        out.push_back({what + ": " + std::to_string(monitor.unread_generations) +
                           " replaced generations hold unread windows, in " +
                           std::to_string(monitor.unread_bytes >> 10) + " KiB of maps; at " +
                           std::to_string(limits::unread_generations) + " replace is refused",
                       "dynmon-load read " + monitor.name +
                           " takes them; a reader of some metrics leaves the others",
                       false});
    for (const ProgramStatus& program : monitor.programs)
        if (program.taken_out)
            out.push_back({what + ": program '" + program.name + "' was taken out: " +
                               limit_text(*program.taken_out, program.limit_ns),
                           limit_remedy(monitor.name)});
}

void diagnose_staged(const SystemReport& found, SystemProblems& out) {
    for (const std::string& name : found.store.staged)
        out.push_back({"a killed or running loader left " + name, "dynmon-load recover"});
}

} // namespace

std::vector<SystemProblem> diagnose(const SystemReport& found) {
    SystemProblems ailments;
    diagnose_features(found, ailments);
    diagnose_rights(found, ailments);
    diagnose_restrictions(found, ailments);
    diagnose_bpffs(found, ailments);
    diagnose_staged(found, ailments);
    const SystemProblems loaded = diagnose(found.store.contents);
    ailments.insert(ailments.end(), loaded.begin(), loaded.end());
    return ailments;
}

bool is_ill(const std::vector<SystemProblem>& ailments) {
    return std::any_of(ailments.begin(), ailments.end(),
                       [](const SystemProblem& ailment) { return ailment.ill; });
}

std::vector<SystemProblem> diagnose(const Status& loaded) {
    SystemProblems ailments;
    for (const MonitorStatus& monitor : loaded.monitors)
        diagnose_monitor(loaded, monitor, ailments);
    for (const HookStatus& hook : loaded.hooks)
        diagnose_hook(loaded, hook, ailments);
    return ailments;
}

} // namespace dynmon

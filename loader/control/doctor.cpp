// SPDX-License-Identifier: BSD-2-Clause
#include "control/doctor.hpp"

#include <filesystem>

#include <linux/capability.h>

#include "base/error.hpp"
#include "control/system_report.hpp"
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

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// --dry-run of the verbs that write.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/verb.hpp"
#include "control/execute.hpp"

namespace dynmon {

// The option, and the steps that the verb shows for it.
class DryRunOption {
public:
    void declare(CLI::App& app);
    explicit operator bool() const { return on_; }
    // Those that the verb goes on with. This must outlive them.
    Settings settings(const Settings& given);
    int print(const Global& global) const; // exit code

private:
    bool on_ = false;
    DryRunLog log_;
};

} // namespace dynmon

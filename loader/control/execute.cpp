// SPDX-License-Identifier: BSD-2-Clause
#include "control/execute.hpp"

#include <exception>

#include "base/log.hpp"

namespace dynmon {

namespace {

void take_back(KernelPort& port, const Plan& plan, std::size_t done, const StorePaths& paths) {
    while (done-- > 0) {
        for (const Action& action : plan.steps[done].undo) {
            try {
                log::debug("take back: " + describe(action, paths));
                port.run(action);
            } catch (const std::exception& error) {
                log::warn(std::string("cannot take back a step: ") + error.what());
            }
        }
    }
}

} // namespace

void execute(KernelPort& port, const Plan& plan, const StorePaths& paths) {
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        try {
            log::debug("step: " + describe(plan.steps[i].action, paths));
            port.run(plan.steps[i].action);
        } catch (const std::exception&) {
            if (i <= plan.committed_by)
                take_back(port, plan, i, paths);
            throw;
        }
    }
}

void Session::refresh() {
    if (stale_)
        now_ = port_.look(width_);
    stale_ = false;
}

void Session::carry_out_plan(const Planner& planner) {
    stale_ = true; // if a step fails
    execute(port_, planner.plan(), now_.paths);
    now_ = planner.now();
    stale_ = planner.plan().look_again;
    said_.insert(said_.end(), planner.plan().says.begin(), planner.plan().says.end());
}

void DryRun::run(const Action& action) {
    if (is_check(action))
        return real_.run(action);
    log_.steps.push_back(describe(action, log_.after->paths));
    simulate(action, *log_.after);
}

} // namespace dynmon

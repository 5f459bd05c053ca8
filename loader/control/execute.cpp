// SPDX-License-Identifier: BSD-2-Clause
#include "control/execute.hpp"

#include <exception>

#include "base/error.hpp"
#include "base/log.hpp"

namespace dynmon {

void execute(KernelPort& port, const Plan& plan, const StorePaths& paths,
             std::vector<PlanStep>& done) {
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        const PlanStep& step = plan.steps[i];
        log::debug("step: " + describe(step.action, paths));
        port.run(step.action);
        if (i < plan.committed_by)
            done.push_back(step);
        else
            done.clear();
    }
}

void take_back(KernelPort& port, const std::vector<PlanStep>& done, const StorePaths& paths) {
    Undo undo; // last first
    for (const PlanStep& step : done)
        for (auto action = step.undo.rbegin(); action != step.undo.rend(); ++action)
            undo.add([&port, &paths, &action = *action] {
                log::debug("take back: " + describe(action, paths));
                port.run(action);
            });
}

const StoreSnapshot& Session::now() {
    if (stale_)
        now_ = port_.look(width_);
    stale_ = false;
    return now_;
}

void Session::take_back_all() {
    take_back(port_, done_, now_.paths);
    done_.clear();
    together_ = false;
    stale_ = true;
}

void Session::carry_out_plan(Planner&& planner) {
    stale_ = true; // if a step fails
    try {
        execute(port_, planner.plan(), now_.paths, done_);
    } catch (const std::exception&) {
        if (!together_)
            take_back_all();
        throw;
    }
    if (!together_)
        done_.clear();
    now_ = std::move(planner).take();
    stale_ = planner.plan().look_again;
    said_.insert(said_.end(), planner.plan().says.begin(), planner.plan().says.end());
}

DryRun::DryRun(KernelPort& real, DryRunLog& log) : real_(real), log_(log) {
    StoreSnapshot found = real_.look(Width::all);
    if (log_.after)
        log_.after->health.merge(found.health); // nothing asked for it before
    else
        log_.after = std::move(found);
}

void DryRun::run(const Action& action) {
    if (is_check(action))
        return real_.run(action);
    log_.steps.push_back(describe(action, log_.after->paths));
    simulate(action, *log_.after);
}

} // namespace dynmon

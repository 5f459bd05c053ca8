// SPDX-License-Identifier: BSD-2-Clause
// Carries plans out, through one interface that tests and --dry-run put something else behind.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "control/plan.hpp"

namespace dynmon {

// What steps do it to, and where snapshots come from.
class KernelPort {
public:
    enum class Width { own, all }; // what concerns the work at hand; all monitors and hooks

    virtual ~KernelPort() = default;
    virtual StoreSnapshot look(Width width) = 0;
    // Throws Error; then nothing was done, or what was done is taken back by the undo of the step
    // before it, or finished by the next command.
    virtual void run(const Action& action) = 0;
};

// Runs the steps in their order, and keeps in `done` those that can still be taken back: none once
// the plan is committed. Throws the error of the first step that fails.
void execute(KernelPort& port, const Plan& plan, const StorePaths& paths,
             std::vector<PlanStep>& done);
// Last first. What cannot be taken back is logged.
void take_back(KernelPort& port, const std::vector<PlanStep>& done, const StorePaths& paths);

// One plan after the other, each made from what the store is after the one before.
// Not thread-safe.
class Session {
public:
    explicit Session(KernelPort& port, KernelPort::Width width = KernelPort::Width::own)
        : port_(port), width_(width), now_(port.look(width)) {}

    const StoreSnapshot& now(); // looks again where that is needed
    const std::vector<std::string>& said() const { return said_; } // of all plans carried out

    // `make` fills a Planner; what it returns is returned. After an error the store is looked at
    // before the next plan is made.
    template <typename Make>
    auto carry_out(Make&& make) {
        Planner planner(now());
        if constexpr (std::is_void_v<decltype(make(planner))>) {
            make(planner);
            carry_out_plan(std::move(planner));
        } else {
            auto result = make(planner);
            carry_out_plan(std::move(planner));
            return result;
        }
    }
    // Plans that `body` carries out are taken back together if it throws.
    template <typename Body>
    void as_one(Body&& body) {
        together_ = true;
        try {
            body();
        } catch (const std::exception&) {
            take_back_all();
            throw;
        }
        together_ = false;
        done_.clear();
    }
    bool wants_look() const { return stale_; } // the last plan is to be made again
    void look_at_all() {
        width_ = KernelPort::Width::all;
        stale_ = true;
    }

private:
    void carry_out_plan(Planner&& planner);
    void take_back_all();

    KernelPort& port_;
    KernelPort::Width width_;
    StoreSnapshot now_;
    bool stale_ = false;
    bool together_ = false;
    std::vector<PlanStep> done_;
    std::vector<std::string> said_;
};

// What --dry-run shows: the steps of a command, and what the store would be after them.
struct DryRunLog {
    std::vector<std::string> steps; // one line each
    std::optional<StoreSnapshot> after;
};

// Changes nothing: actions change the snapshot of the log only. Checks are made.
class DryRun : public KernelPort {
public:
    // Neither is owned.
    DryRun(KernelPort& real, DryRunLog& log);

    StoreSnapshot look(Width) override { return *log_.after; }
    void run(const Action& action) override;

private:
    KernelPort& real_;
    DryRunLog& log_;
};

} // namespace dynmon

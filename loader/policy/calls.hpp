// SPDX-License-Identifier: BSD-2-Clause
// What a call of a helper, or of a function of the kernel, does to the program that makes it.
#pragma once

#include <string>

#include "policy/helpers.hpp"
#include "policy/memory.hpp"

namespace dynmon::policy {

class Calls {
public:
    // All of them must outlive this.
    Calls(const Object& object, const ProgramInfo& program, const Memory& memory,
          Findings& findings)
        : object_(object), program_(program), memory_(memory), findings_(findings) {}

    // For a helper that comes back here; the caller follows callbacks.
    void call_helper(std::size_t at, const Helper& helper, State& state) const;
    void call_kernel_function(std::size_t at, const std::string& name, State& state) const;

    // Whether r1, r2, r3 are those of a hand-over: the context, the chain, the program's own slot.
    bool is_hand_over(const State& state) const;
    // What a callback finds in r1 to r5 when `helper` calls it.
    State callback_state(const Helper& helper, const State& state) const;

private:
    Value looked_up(const Value& map) const;
    Value result_of(const Helper& helper, const State& state) const;

    const Object& object_;
    const ProgramInfo& program_;
    const Memory& memory_;
    Findings& findings_;
};

} // namespace dynmon::policy

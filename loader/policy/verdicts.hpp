// SPDX-License-Identifier: BSD-2-Clause
// What the numbers mean that a program returns.
#pragma once

#include <linux/bpf.h>

#include "policy/effect.hpp"
#include "policy/value.hpp"

namespace dynmon::policy {

// Nothing when the packet goes on as if the program had not been there. TC takes every number that
// it does not know for TC_ACT_UNSPEC, XDP for XDP_ABORTED.
Effects verdict_effects(bpf_prog_type type, const Value& verdict);

// Whether the packet may go on with such a verdict, be it that it is kept from other programs.
bool may_pass(bpf_prog_type type, const Value& verdict);

// "TC_ACT_SHOT", "XDP_TX"; the number for one that has no name.
std::string verdict_name(bpf_prog_type type, std::int32_t verdict);

} // namespace dynmon::policy

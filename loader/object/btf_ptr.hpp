// SPDX-License-Identifier: BSD-2-Clause
// Types of libbpf that are freed with their owner.
#pragma once

#include <memory>

#include <bpf/btf.h>

namespace dynmon {

struct BtfDelete {
    void operator()(btf* types) const { btf__free(types); }
};
using BtfPtr = std::unique_ptr<btf, BtfDelete>; // null: no types

} // namespace dynmon

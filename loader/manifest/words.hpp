// SPDX-License-Identifier: BSD-2-Clause
// What a manifest chooses from, by the words that it has for it.
#pragma once

namespace dynmon {

enum class Direction { ingress, egress };
enum class HookKind { xdp, tc }; // which hook ingress uses; egress is always TC
enum class XdpMode { native, generic, offload };
// How the values of several CPUs become one.
// leads, follows: of single fields. The CPU with the smallest value that is not 0 leads, and what
// follows is its.
enum class Merge { sum, max, min, first, last, bit_or, none, leads, follows };
enum class MetricType { counter, gauge, histogram, untyped };
enum class BucketScale { log2, linear };
// What a probe may do beyond looking, in the words of `may`.
enum class Power { drop, write_packets, redirect, read_kernel, timers, loops };

const char* to_string(Direction direction); // "ingress" | "egress"
const char* to_string(HookKind kind);       // "xdp" | "tc"
const char* to_string(XdpMode mode);        // "native" | "generic" | "offload"
const char* to_string(Merge merge);         // "sum" | "max" | "min" | "first" | "last" | …
const char* to_string(MetricType type);     // "counter" | "gauge" | …
const char* to_string(BucketScale scale);   // "log2" | "linear"
const char* to_string(Power power);         // "drop" | "write-packets" | "redirect" | …

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// The kernel's helper functions by number: what each is called, and what a program that calls it
// does to the packet, to the kernel and to itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "manifest/words.hpp"

namespace dynmon::policy {

// What a helper leaves in r0.
enum class Result {
    number,
    value,     // a value of the map in r1, or null
    socket,    // a socket whose fields the kernel lets programs read, or null
    kernel,    // a pointer into the kernel, or null
    memory,    // memory of the program's own, such as an event that it reserved, or null
    redirected // the verdict that sends the packet elsewhere, or drops it
};

// What becomes of the program's flow.
enum class Flow { plain, tail_call, callback, later };

struct Helper {
    std::int32_t number = 0;
    bool allowed = false;       // by itself, or by `power`; the rest is not on the list
    std::optional<Power> power; // what the manifest has to say; unset: nothing
    unsigned output = 0;        // the argument, 1 to 5, that it writes through; 0: none
    Result result = Result::number;
    Flow flow = Flow::plain;
};

// Every helper has an answer: one that is not on the list, or not known, is not allowed.
Helper helper_of(std::int32_t number);

// "bpf_map_lookup_elem"; "helper 999" for one that this version of dynmon does not know.
std::string helper_name(std::int32_t number);

} // namespace dynmon::policy

namespace dynmon {

// What an object may ask of the kernel: programs for network devices, and nothing else.

class Object;

// Throws Error{rejected} for an object with a program of another kind (kprobe, LSM, struct_ops,
// syscall, a section that is not known here), one that asks for the kernel's configuration
// (.kconfig), or one that calls a helper which changes what other processes do. It asks all
// programs, also those that would not be loaded: an object like that is no monitor.
void require_permitted(const Object& object);

// Whether a call of this helper makes an object refused, whatever calls it.
bool is_forbidden_helper(std::int32_t number);

} // namespace dynmon

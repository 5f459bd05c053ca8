// SPDX-License-Identifier: BSD-2-Clause
// Monitors: a probe on an interface, loaded, exchanged, read and taken off. What dynmon-load does,
// for programs; each function is one command of it, with the same promises:
// other processes may work on the same store at the same time, and a process that is killed leaves
// nothing half done that `recover` does not finish.
//
//     namespace monitors = dynmon::monitors;
//     const monitors::Place place;
//     monitors::load(place, "web", "flows", {.device = "eth0"});
//     const std::string window = monitors::read(place, "web", {.format = "csv"});
//     monitors::unload(place, "web");
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dynmon/error.hpp"

// Every function throws Error, whose kind() says what to do: busy may succeed later, usage and
// rejected will not. All are thread-safe; two calls on one monitor wait for each other.
namespace dynmon::monitors {

// Where the state is, and what is allowed. All state is pinned in this directory.
struct Place {
    std::string bpffs = "/sys/fs/bpf/dynmon";                    // a directory on a bpffs
    std::chrono::nanoseconds patience = std::chrono::seconds(5); // for locks of other processes
    std::string allow = {};  // file: the only objects that may be loaded; "": the machine's list
    std::string policy = {}; // file: what probes may do; "": the machine's policy
};

struct LoadOptions {
    std::string device = {};
    std::string netns = {}; // name or path of a network namespace; "": the caller's
    // "tc", "xdp"; "": as the manifest says
    std::string hook = {};
    std::string mode = {};                    // xdp: "native", "generic"; "": as the manifest says
    std::vector<std::string> parameters = {}; // "name=value"
};

// Loads the probe (a name, a folder, a manifest or an object) as monitor `name`. On any error
// nothing of it is left. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON or root.
void load(const Place& place, const std::string& name, const std::string& probe,
          const LoadOptions& how);

struct ReplaceOptions {
    bool keep_maps = false;                   // the new program goes on with the maps of the old
    std::vector<std::string> parameters = {}; // "name=value"
};

// Puts another program in the place of the running one, in one step; on any error the old one runs
// on, untouched. Returns the number of the new generation.
std::uint32_t replace(const Place& place, const std::string& name, const std::string& probe,
                      const ReplaceOptions& how = {});

struct ReadOptions {
    std::string metric = {};     // "": all
    std::string direction = {};  // "ingress", "egress"; "": both
    std::string format = "json"; // as --format has it: also openmetrics, csv, npz, …
    std::string reader = {};     // a name: this reader gets each window; "": the next window
    std::string where = {};      // a condition
    std::string sort = {};       // "a,-b"
    std::size_t top = 0;         // at most that many entries of a metric; 0: all
    std::vector<std::string> columns = {};
    bool rate = false; // counts per second of the window
    bool peek = false; // take nothing
};

// Closes a window over all maps of the monitor and writes it to the descriptor, which stays open
// and the caller's. The window leaves the kernel only after all of it was written.
void read(const Place& place, const std::string& name, int descriptor,
          const ReadOptions& what = {});
// The same as text. An error after the window has left the kernel is not possible.
std::string read(const Place& place, const std::string& name, const ReadOptions& what = {});

// Takes the monitor off its hooks and removes all of it.
void unload(const Place& place, const std::string& name);

// Finishes or takes back what killed processes left. Returns a sentence for each thing it did.
std::vector<std::string> recover(const Place& place);

struct State {
    std::string name;
    std::string probe;
    std::uint32_t generation = 0;
    std::string health;        // "attached", or what is wrong
    std::uint64_t windows = 0; // closed so far
};
std::vector<State> list(const Place& place);

} // namespace dynmon::monitors

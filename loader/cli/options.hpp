// SPDX-License-Identifier: BSD-2-Clause
// Options that several verbs share.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "control/load.hpp"
#include "control/read.hpp"
#include "kernel/verifier_log.hpp"

namespace dynmon {

// For the name that an option had before: it is understood, and --help does not show it.
inline void hide(CLI::Option* old_name) {
    old_name->group("");
}

// --set, --clock, --btf, --verifier-log: for every verb that brings a probe into the kernel.
// --limit: for those that let it run there.
struct ProbeOptions {
    std::string probe;
    std::vector<std::string> assignments;
    std::string clock;
    std::string kernel_btf;
    std::string verifier_log;
    std::string limit;

    void declare(CLI::App& app);
    void declare_limit(CLI::App& app);
    std::optional<ClockSource> clock_source() const;
    std::optional<std::uint64_t> limit_ns() const;
};

// --as, --keep, --keep-memory: a reader's name, and how long windows wait for it.
struct ReaderOptions {
    std::string as;
    std::string keep;
    std::string keep_memory;

    CLI::Option* declare(CLI::App& app); // returns --as
    NamedReading named() const;
};

// --dev, --netns, --hook, --mode, --tc, --order, --first …: where a probe goes.
struct PlaceOptions {
    std::string device;
    std::string netns;
    std::string hook;
    std::string mode;
    std::string tc;
    std::string order;
    std::uint32_t tc_priority = 0; // 0: not given
    bool first = false;
    bool last = false;
    std::string before;
    std::string after;

    void declare(CLI::App& app);
    LoadRequest request(const std::string& name, const ProbeOptions& probe) const;
};

// --keep-maps, --keep-matching-maps.
struct KeepOptions {
    bool all = false;
    bool matching = false;

    void declare(CLI::App& app);
    ReplaceRequest::Keep keep() const;
};

// "1s", "250ms", "2m" (a bare number is seconds). Throws Error{usage} naming `option`.
std::chrono::nanoseconds parse_duration(const std::string& text, const std::string& option);

// For options that count something: 1 or more.
CLI::Validator at_least_one();

void write_verifier_log(const std::string& file, const VerifierError& error);

// Runs `body`; a verifier's refusal has its whole log written to `file` (if one is named).
template <typename Body>
auto with_verifier_log(const std::string& file, Body&& body) {
    try {
        return body();
    } catch (const VerifierError& error) {
        write_verifier_log(file, error);
        throw;
    }
}

} // namespace dynmon

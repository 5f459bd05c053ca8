// SPDX-License-Identifier: BSD-2-Clause
// Time of a call and of a whole process.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <time.h>

#include "base/file.hpp"
#include "results.hpp"

namespace bench {

// What all sections need to know.
struct Setup {
    std::string dynmon_load;
    std::string bpftool;
    std::string probes; // folder of the built probes
    std::size_t rounds = 11;
    bool million = false; // maps of 10^6 entries too
};

template <typename Body>
double ns_of(Body&& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start)
        .count();
}

// ns of this thread on a CPU: what other processes take meanwhile is not in it.
template <typename Body>
double cpu_ns_of(Body&& body) {
    const auto now = [] {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
    };
    const double start = now();
    body();
    return now() - start;
}

// One way to do a thing, and how often it is measured.
struct Contender {
    Figure& figure;
    std::size_t rounds;
    std::function<double()> measure;
};

// Round by round, so that what slows the machine down slows all of them down.
void take_turns(const std::vector<Contender>& contenders);

std::string contents(const dynmon::Fd& file); // from its start to its end

// ns from the start of the process until it has ended, its output thrown away.
// Throws when it does not succeed, with what it said.
double ns_of_process(const std::vector<std::string>& words);

// Highest resident memory of a process whose output goes to a pipe, which is read to its end.
double megabytes_of_process(const std::vector<std::string>& words);

// The sections. Each measures its figures in turns.
void measure_export(const Setup& setup, Results& results);  // map → JSON
void measure_arrays(const Setup& setup, Results& results);  // arrays → JSON
void measure_formats(const Setup& setup, Results& results); // ns a byte of each format
void measure_command(const Setup& setup, Results& results); // start-up and load
void measure_swap(const Setup& setup, Results& results);    // slot write, fence, whole reads
void measure_packets(const Setup& setup, Results& results); // ns a packet: the pivot
void measure_probes(const Setup& setup, Results& results);  // ns a packet: every probe
void measure_deny(const Setup& setup, Results& results);    // ns a packet: the deny list of `ssdp`
void measure_models(const Setup& setup, Results& results);  // ns a verdict: forests

} // namespace bench

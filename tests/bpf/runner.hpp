// SPDX-License-Identifier: BSD-2-Clause
// Loads one program of a skeleton and runs it over frames; reads maps by the names in their BTF.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sched.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "frames.hpp"

// Owns a skeleton of which only `program` is loaded: TC and XDP cannot share a PROG_ARRAY.
template <typename Skeleton>
class Loaded {
public:
    using Setup = std::function<void(Skeleton&)>;

    explicit Loaded(const std::string& program, const Setup& setup = {},
                    const bpf_object_open_opts* options = nullptr)
        : skeleton_(Skeleton::open(options)) {
        if (!skeleton_)
            throw std::runtime_error("skeleton does not open");
        bpf_program* each = nullptr;
        bpf_object__for_each_program(each, skeleton_->obj) {
            const bool wanted = program == bpf_program__name(each);
            bpf_program__set_autoload(each, wanted);
            program_ = wanted ? each : program_;
        }
        if (setup)
            setup(*skeleton_);
        if (!program_ || Skeleton::load(skeleton_) != 0) {
            Skeleton::destroy(skeleton_);
            throw std::runtime_error("program '" + program + "' does not load");
        }
    }
    Loaded(const Loaded&) = delete;
    Loaded& operator=(const Loaded&) = delete;
    ~Loaded() { Skeleton::destroy(skeleton_); }

    Skeleton* operator->() const { return skeleton_; }
    int fd() const { return bpf_program__fd(program_); }
    bool xdp() const { return bpf_program__type(program_) == BPF_PROG_TYPE_XDP; }

private:
    Skeleton* skeleton_;
    bpf_program* program_ = nullptr;
};

struct Gso {
    std::uint32_t size = 0;
    std::uint32_t segments = 0;
    std::uint32_t wire_len = 0; // 0: as long as the frame
};

// The verdict (XDP_*, TC_ACT_*) of the program for one frame, given to it `repeat` times.
int run(int program_fd, const Bytes& frame, Gso gso = {}, int repeat = 1);

// Gives the program each of the frames `repeat` times, all of them at once, spread over the CPUs.
// With more frames than CPUs they interrupt each other within the program, which on a hook never
// happens: per-CPU counters may miss some then.
void run_at_once(int program_fd, const std::vector<Bytes>& frames, int repeat);

std::int64_t read_clock(clockid_t clock); // in ns

// Whether XDP programs may take frames of several pages (Linux 5.18). False without root.
bool has_xdp_frags();

unsigned allowed_cpus(); // on how many CPUs the calling thread may run

// The calling thread stays on one CPU: what it runs finds what it left in a per-CPU map.
class CpuPin {
public:
    explicit CpuPin(unsigned which = 0); // of those that it may run on, counted round
    CpuPin(const CpuPin&) = delete;
    CpuPin& operator=(const CpuPin&) = delete;
    ~CpuPin();

private:
    cpu_set_t before_;
};

// One value of a map whose value type is a struct or an integer, its fields by name; for a per-CPU
// map one copy a CPU.
class Value {
public:
    Value(const bpf_object* object, const bpf_map* map, const void* key);
    bool found() const { return found_; }
    std::size_t copies() const { return bytes_.size() / stride_; }
    std::uint64_t of(std::size_t copy, std::string_view field) const;
    std::uint64_t sum(std::string_view field = "") const; // over all CPUs; 0 if not found

private:
    std::vector<std::byte> bytes_;
    std::size_t stride_;
    const btf* types_;
    std::uint32_t type_;
    bool found_;
};

// Every key of a map.
std::vector<std::vector<std::byte>> keys(const bpf_map* map);

// Takes everything out of a ring buffer, oldest first.
std::vector<std::vector<std::byte>> events(const bpf_map* ring);

// A field of a key, found by name in the map's BTF.
struct Field {
    std::size_t offset;
    std::size_t size;
    std::string type_name; // of the member as declared: "dynmon_ip_t"
};
Field field(const btf* types, std::uint32_t struct_id, std::string_view name);

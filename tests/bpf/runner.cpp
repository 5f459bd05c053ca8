// SPDX-License-Identifier: BSD-2-Clause
// Loads one program of a skeleton and runs it over frames; reads maps by the names in their BTF.
#include "runner.hpp"

#include <algorithm>
#include <barrier>
#include <cstring>
#include <exception>
#include <thread>

namespace {

std::size_t copies_of(const bpf_map* map) {
    switch (bpf_map__type(map)) {
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
        return static_cast<std::size_t>(libbpf_num_possible_cpus());
    default:
        return 1;
    }
}

std::uint64_t number(const std::byte* at, std::size_t size) {
    std::uint64_t result = 0;
    if (size > sizeof(result))
        throw std::runtime_error("field is wider than a number");
    std::memcpy(&result, at, size); // little endian, as both our architectures are
    return result;
}

} // namespace

int run(int program_fd, const Bytes& frame, Gso gso, int repeat) {
    __sk_buff context{};
    context.gso_size = gso.size;
    context.gso_segs = gso.segments;
    context.wire_len = gso.wire_len;
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.repeat = repeat;
    if (gso.size) {
        options.ctx_in = &context;
        options.ctx_size_in = sizeof(context);
    }
    const int error = bpf_prog_test_run_opts(program_fd, &options);
    if (error != 0)
        throw std::runtime_error("BPF_PROG_TEST_RUN of " + std::to_string(frame.size()) +
                                 " bytes: " + std::strerror(-error));
    return static_cast<int>(options.retval);
}

void run_at_once(int program_fd, const std::vector<Bytes>& frames, int repeat) {
    std::barrier start(static_cast<std::ptrdiff_t>(frames.size()));
    std::vector<std::exception_ptr> errors(frames.size());
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < frames.size(); ++i)
        threads.emplace_back([&, i] {
            const CpuPin pin(static_cast<unsigned>(i));
            start.arrive_and_wait();
            try {
                run(program_fd, frames[i], {}, repeat);
            } catch (...) {
                errors[i] = std::current_exception();
            }
        });
    threads.clear();
    for (const std::exception_ptr& error : errors)
        if (error)
            std::rethrow_exception(error);
}

bool has_xdp_frags() {
    static const bool has =
        libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, nullptr) > 0;
    return has;
}

unsigned allowed_cpus() {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        throw std::runtime_error("cannot find out on which CPUs this may run");
    return static_cast<unsigned>(CPU_COUNT(&allowed));
}

std::int64_t read_clock(clockid_t clock) {
    timespec now{};
    if (::clock_gettime(clock, &now) != 0)
        throw std::runtime_error("there is no clock " + std::to_string(clock));
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

CpuPin::CpuPin(unsigned which) {
    which %= allowed_cpus();
    ::sched_getaffinity(0, sizeof before_, &before_);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &before_) || which-- > 0)
        ++cpu;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    if (::sched_setaffinity(0, sizeof only, &only) != 0)
        throw std::runtime_error("cannot stay on CPU " + std::to_string(cpu));
}

CpuPin::~CpuPin() {
    ::sched_setaffinity(0, sizeof before_, &before_);
}

Value::Value(const bpf_object* object, const bpf_map* map, const void* key)
    : stride_((bpf_map__value_size(map) + 7u) / 8 * 8), types_(bpf_object__btf(object)),
      type_(bpf_map__btf_value_type_id(map)), found_(false) {
    bytes_.resize(copies_of(map) * stride_);
    found_ = bpf_map_lookup_elem(bpf_map__fd(map), key, bytes_.data()) == 0;
}

std::uint64_t Value::of(std::size_t copy, std::string_view name) const {
    const std::byte* at = bytes_.data() + copy * stride_;
    if (name.empty())
        return number(at, 8);
    const Field member = field(types_, type_, name);
    return number(at + member.offset, member.size);
}

std::uint64_t Value::sum(std::string_view name) const {
    std::uint64_t result = 0;
    for (std::size_t copy = 0; found_ && copy < copies(); ++copy)
        result += of(copy, name);
    return result;
}

std::vector<std::vector<std::byte>> keys(const bpf_map* map) {
    std::vector<std::vector<std::byte>> result;
    std::vector<std::byte> next(bpf_map__key_size(map));
    const void* previous = nullptr;
    while (bpf_map_get_next_key(bpf_map__fd(map), previous, next.data()) == 0) {
        result.push_back(next);
        previous = result.back().data();
    }
    return result;
}

std::vector<std::vector<std::byte>> events(const bpf_map* ring) {
    std::vector<std::vector<std::byte>> result;
    const auto take = [](void* into, void* data, std::size_t size) {
        const auto* bytes = static_cast<const std::byte*>(data);
        static_cast<decltype(result)*>(into)->emplace_back(bytes, bytes + size);
        return 0;
    };
    ring_buffer* reader = ring_buffer__new(bpf_map__fd(ring), take, &result, nullptr);
    if (!reader)
        throw std::runtime_error("a ring buffer does not open");
    ring_buffer__consume(reader);
    ring_buffer__free(reader);
    return result;
}

Field field(const btf* types, std::uint32_t struct_id, std::string_view name) {
    const btf_type* type = btf__type_by_id(types, struct_id);
    const btf_member* member = btf_members(type);
    for (int i = 0; i < btf_vlen(type); ++i, ++member) {
        if (name != btf__name_by_offset(types, member->name_off))
            continue;
        const btf_type* declared = btf__type_by_id(types, member->type);
        return {btf_member_bit_offset(type, static_cast<std::uint32_t>(i)) / 8,
                static_cast<std::size_t>(btf__resolve_size(types, member->type)),
                btf__name_by_offset(types, declared->name_off)};
    }
    throw std::runtime_error("no field '" + std::string(name) + "' in " +
                             btf__name_by_offset(types, type->name_off));
}

// SPDX-License-Identifier: BSD-2-Clause
// Random programs: what the analysis takes for read-only and the verifier lets in is run on packets
// (BPF_PROG_TEST_RUN, root), which must stay as they are and go on.
//
// usage: random-programs RAW_OBJECT [PROGRAMS]; DYNMON_SEED=N repeats a run.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <random>

#include <sched.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/error.hpp"
#include "object/elf.hpp"
#include "object/object.hpp"
#include "policy/behaviour.hpp"
#include "program_maker.hpp"
#include "sandboxing.hpp"

using namespace dynmon;

namespace {

constexpr std::size_t prologue = 8; // instructions of raw.bpf.o before the room
constexpr std::size_t room = 64;
constexpr int packets_each = 3;

struct ObjectClose {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectClose>;

// The program in the kernel, with its maps, and the same object as the analysis reads it.
class Raw {
public:
    explicit Raw(const std::string& path) : bytes_(read_file(path, 1u << 20)) {
        const ElfFile elf = ElfFile::read(bytes_);
        at_ = static_cast<std::size_t>(elf.section("tc")->data.data() - bytes_.data()) +
              prologue * sizeof(bpf_insn);
        object_.reset(bpf_object__open_mem(bytes_.data(), bytes_.size(), nullptr));
        if (object_) // a chain is for programs of one type
            bpf_program__set_autoload(bpf_object__find_program_by_name(object_.get(), "raw_xdp"),
                                      false);
        if (!object_ || bpf_object__load(object_.get()) != 0)
            throw std::runtime_error("cannot load " + path);
        const bpf_program* program = bpf_object__find_program_by_name(object_.get(), "raw_tc");
        const bpf_insn* first = bpf_program__insns(program);
        loaded_.assign(first, first + bpf_program__insn_cnt(program));
    }

    bool reads_only(const ProgramMaker::Program& program) const {
        std::vector<std::byte> bytes = bytes_;
        std::memcpy(bytes.data() + at_, program.data(), program.size() * sizeof(bpf_insn));
        const Object object = Object::parse(std::move(bytes), "raw.bpf.o");
        ProgramInfo info = *object.program("raw_tc");
        info.hand_over = false;
        return behaviour_of(object, info, false).empty();
    }

    int load(const ProgramMaker::Program& program) const { // a descriptor, or negative
        std::vector<bpf_insn> insns = loaded_;
        std::copy(program.begin(), program.end(), insns.begin() + prologue);
        return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "random", "GPL", insns.data(), insns.size(),
                             nullptr);
    }

private:
    std::vector<std::byte> bytes_;
    std::size_t at_ = 0; // of the room
    ObjectPtr object_;
    std::vector<bpf_insn> loaded_;
};

bool stops_others(std::uint32_t verdict) {
    return verdict == 0 || verdict == 2 || verdict == 4 || verdict == 7 || verdict == 8;
}

// "" or what became of the packet.
std::string run(int program, std::mt19937_64& random) {
    std::vector<unsigned char> packet(60 + random() % 200);
    for (unsigned char& byte : packet)
        byte = static_cast<unsigned char>(random());
    packet[12] = 0x08;
    packet[13] = 0;
    std::vector<unsigned char> after(packet.size() + 256);
    __sk_buff before{};
    before.mark = static_cast<__u32>(random());
    before.priority = static_cast<__u32>(random());
    for (__u32& word : before.cb)
        word = static_cast<__u32>(random());
    __sk_buff behind{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_out = after.data(),
                .data_size_in = static_cast<__u32>(packet.size()),
                .data_size_out = static_cast<__u32>(after.size()), .ctx_in = &before,
                .ctx_out = &behind, .ctx_size_in = sizeof before, .ctx_size_out = sizeof behind);
    if (bpf_prog_test_run_opts(program, &options) != 0)
        throw std::runtime_error(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(errno));
    if (stops_others(options.retval))
        return "returned " + std::to_string(options.retval);
    if (options.data_size_out != packet.size() ||
        std::memcmp(packet.data(), after.data(), packet.size()) != 0)
        return "changed the packet";
    if (behind.mark != before.mark || behind.priority != before.priority ||
        std::memcmp(behind.cb, before.cb, sizeof before.cb) != 0)
        return "changed its context";
    return "";
}

void print(const ProgramMaker::Program& program) {
    for (const bpf_insn& insn : program)
        std::printf("  code %02x dst %u src %u off %d imm %d\n", insn.code, insn.dst_reg,
                    insn.src_reg, insn.off, insn.imm);
}

int run_programs(const std::string& path, unsigned long programs, std::uint64_t seed) {
    const Raw raw(path);
    ProgramMaker maker(seed);
    std::mt19937_64 random(seed + 1);
    unsigned long ran = 0;
    unsigned long loaded = 0;
    unsigned long wrong = 0;
    unsigned long caught = 0;
    for (unsigned long i = 0; i < programs; ++i) {
        const ProgramMaker::Program program = maker.make(room);
        const bool harmless = raw.reads_only(program);
        const int descriptor = raw.load(program);
        if (descriptor < 0)
            continue;
        ++loaded;
        std::string fault;
        for (int packet = 0; packet < packets_each && fault.empty(); ++packet)
            fault = run(descriptor, random);
        ::close(descriptor);
        ran += harmless ? 1 : 0;
        caught += !harmless && !fault.empty() ? 1 : 0;
        if (!harmless || fault.empty())
            continue;
        ++wrong;
        std::printf("program %lu of seed %lu was called read-only and %s:\n", i,
                    static_cast<unsigned long>(seed), fault.c_str());
        print(program);
    }
    std::printf("seed %lu: %lu programs, of which the kernel took %lu; of %lu that were called "
                "read-only %lu did more than look, of the others %lu did\n",
                static_cast<unsigned long>(seed), programs, loaded, ran, wrong, caught);
    // Programs that never run, or never do anything, test nothing.
    return wrong == 0 && ran >= programs / 20 && caught >= programs / 50 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: random-programs RAW_OBJECT [PROGRAMS]\n";
        return 2;
    }
    const char* seed = std::getenv("DYNMON_SEED");
    libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
    dynmon::test::set_sandboxing(false); // they are our own, and many
    try {
        if (::unshare(CLONE_NEWNET) != 0) // some would send the packet
            throw std::runtime_error(std::string("unshare: ") + std::strerror(errno));
        return run_programs(argv[1], argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2000,
                            seed != nullptr ? std::strtoull(seed, nullptr, 10) : 20260101);
    } catch (const std::exception& error) {
        std::cerr << "random-programs: " << error.what() << "\n";
        return 1;
    }
}

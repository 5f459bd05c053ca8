// SPDX-License-Identifier: BSD-2-Clause
// Random programs of which the verifier takes a good part: they keep account of what each register
// holds, and a few instructions are then changed at will.
#pragma once

#include <array>
#include <random>
#include <vector>

#include <linux/bpf.h>

class ProgramMaker {
public:
    using Program = std::vector<bpf_insn>;

    explicit ProgramMaker(std::uint64_t seed) : random_(seed) {}

    // For the room in raw.bpf.o: r6 is the context, r7 a map, r8 a number, r9 a value of 16 bytes.
    Program make(std::size_t most);

private:
    enum class Held { nothing, number, context, map, value, packet, stack };

    unsigned below(unsigned limit) { return random_() % limit; }
    bool once_in(unsigned times) { return below(times) == 0; }
    unsigned any_register() { return below(10); }
    unsigned free_register(); // one that may be overwritten
    int holding(Held held);   // -1: none
    void put(unsigned code, unsigned dst, unsigned src, int off, int imm);
    void put_number();
    void compute();
    void load_context();
    void load_packet();
    void load();
    void store();
    void change();
    void call();
    void branch();
    void leave();
    void statement();
    void damage();

    std::mt19937_64 random_;
    Program program_;
    std::array<Held, 10> held_{};
    std::array<int, 10> reach_{}; // bytes of the packet that may be read
};

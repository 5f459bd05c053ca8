// SPDX-License-Identifier: BSD-2-Clause
#include "program_maker.hpp"

namespace {

constexpr std::array<unsigned, 4> sizes{BPF_W, BPF_H, BPF_B, BPF_DW};
constexpr std::array<int, 4> bytes_of{4, 2, 1, 8};

} // namespace

void ProgramMaker::put(unsigned code, unsigned dst, unsigned src, int off, int imm) {
    bpf_insn insn{};
    insn.code = static_cast<__u8>(code);
    insn.dst_reg = dst & 0xf;
    insn.src_reg = src & 0xf;
    insn.off = static_cast<__s16>(off);
    insn.imm = imm;
    program_.push_back(insn);
}

unsigned ProgramMaker::free_register() {
    unsigned found = below(6);
    while (once_in(4) && found < 9)
        ++found;
    if (found == 6) // the context stays where it is
        found = 0;
    held_[found] = Held::nothing;
    return found;
}

int ProgramMaker::holding(Held held) {
    const unsigned first = any_register();
    for (unsigned i = 0; i < held_.size(); ++i)
        if (held_[(first + i) % held_.size()] == held)
            return static_cast<int>((first + i) % held_.size());
    return -1;
}

void ProgramMaker::put_number() {
    const unsigned to = free_register();
    put(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, static_cast<int>(below(12)) - 2);
    held_[to] = Held::number;
}

void ProgramMaker::compute() {
    constexpr std::array operations{BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR,
                                    BPF_XOR, BPF_LSH, BPF_RSH, BPF_MOV};
    const int number = holding(Held::number);
    if (number < 0)
        return put_number();
    const unsigned code = operations[below(operations.size())] | (once_in(2) ? BPF_ALU : BPF_ALU64);
    const int other = holding(Held::number);
    if (once_in(8)) { // with a sign, or turned round
        const bool sign = once_in(2);
        put(sign ? BPF_ALU64 | BPF_MOV | BPF_X : BPF_ALU64 | BPF_END, static_cast<unsigned>(number),
            sign ? static_cast<unsigned>(other) : 0, sign ? 16 : 0, sign ? 0 : 16);
    } else if (once_in(2))
        put(code | BPF_X, static_cast<unsigned>(number), static_cast<unsigned>(other), 0, 0);
    else
        put(code | BPF_K, static_cast<unsigned>(number), 0, 0, static_cast<int>(below(31)));
}

void ProgramMaker::load_context() {
    constexpr std::array fields{0, 4, 8, 16, 32, 36, 40, 48, 52, 68};
    const unsigned to = free_register();
    put(BPF_LDX | BPF_MEM | BPF_W, to, 6, fields[below(fields.size())], 0);
    held_[to] = Held::number;
}

// data, and data_end beyond so many bytes of it; else out.
void ProgramMaker::load_packet() {
    const int reach = 14 + static_cast<int>(below(40));
    held_[2] = held_[3] = held_[4] = Held::nothing;
    put(BPF_LDX | BPF_MEM | BPF_W, 2, 6, 76, 0);
    put(BPF_LDX | BPF_MEM | BPF_W, 3, 6, 80, 0);
    put(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0);
    put(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, reach);
    put(BPF_JMP | BPF_JLE | BPF_X, 4, 3, 2, 0);
    put(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1);
    put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    held_[2] = Held::packet;
    reach_[2] = reach;
    if (once_in(2)) {
        const unsigned to = free_register();
        if (to != 2) {
            put(BPF_ALU64 | BPF_MOV | BPF_X, to, 2, 0, 0);
            held_[to] = Held::packet;
            reach_[to] = reach;
        }
    }
}

void ProgramMaker::load() {
    constexpr std::array sources{Held::packet, Held::value, Held::stack};
    const Held source = sources[below(sources.size())];
    const unsigned size = below(4);
    const int from = holding(source);
    if (source == Held::stack || from < 0) {
        const unsigned to = free_register();
        put(BPF_LDX | BPF_MEM | BPF_DW, to, 10, -8 - 8 * static_cast<int>(below(4)), 0);
        held_[to] = once_in(3) ? Held::packet : Held::number; // it may be what was put there
        reach_[to] = 14;
        return;
    }
    const int most = source == Held::packet ? reach_[static_cast<unsigned>(from)] : 16;
    const unsigned to = free_register();
    put(BPF_LDX | BPF_MEM | sizes[size], to, static_cast<unsigned>(from),
        static_cast<int>(below(static_cast<unsigned>(most - bytes_of[size] + 1))), 0);
    held_[to] = Held::number;
}

void ProgramMaker::store() {
    const int number = holding(once_in(4) ? Held::packet : Held::number);
    const unsigned what = number < 0 ? 8 : static_cast<unsigned>(number);
    const unsigned size = below(4);
    const int packet = holding(Held::packet);
    switch (below(16)) {
    case 0: // not read-only
        if (packet >= 0) {
            put(BPF_STX | BPF_MEM | BPF_B, static_cast<unsigned>(packet), 8,
                static_cast<int>(below(14)), 0);
            return;
        }
        [[fallthrough]];
    case 1:
    case 2:
    case 3:
    case 4: // a value
        put(BPF_STX | BPF_MEM | sizes[size], 9, 8,
            static_cast<int>(below(16 / static_cast<unsigned>(bytes_of[size]))) * bytes_of[size],
            0);
        return;
    case 5: // the context
        if (once_in(4)) {
            constexpr std::array fields{8, 32, 48, 52};
            put(BPF_STX | BPF_MEM | BPF_W, 6, 8, fields[below(fields.size())], 0);
            return;
        }
        [[fallthrough]];
    case 6:
        put(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8 - 8 * static_cast<int>(below(4)),
            static_cast<int>(below(5)) - 1);
        return;
    default:
        put(BPF_STX | BPF_MEM | BPF_DW, 10, what, -8 - 8 * static_cast<int>(below(4)), 0);
    }
}

void ProgramMaker::change() {
    constexpr std::array operations{BPF_ADD,     BPF_OR, BPF_AND, BPF_XOR,
                                    BPF_ADD | 1, 0xe1,   0xf1,    0x110};
    if (once_in(6)) { // load-acquire, which writes what it goes to
        const unsigned to = free_register();
        put(BPF_STX | 0xc0 | BPF_W, to, 9, 0, 0x100);
        held_[to] = Held::number;
        return;
    }
    const int operation = operations[below(operations.size())];
    const int packet = holding(Held::packet);
    const int number = holding(Held::number);
    const unsigned source = number < 0 ? 8 : static_cast<unsigned>(number);
    const bool on_packet = packet >= 0 && once_in(8);
    put(BPF_STX | 0xc0 | (once_in(2) ? BPF_W : BPF_DW),
        on_packet ? static_cast<unsigned>(packet) : 9, source, 0, operation);
    if (operation == 0xf1)
        held_[0] = Held::number;
}

void ProgramMaker::call() {
    constexpr std::array plain{5, 7, 8, 42, 118, 125};
    switch (below(8)) {
    case 0: { // load_bytes into the stack
        put(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
        put(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, static_cast<int>(below(14)));
        put(BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0);
        put(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -32);
        put(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 1 + static_cast<int>(below(32)));
        put(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
        break;
    }
    case 1: { // of the context alone: some of them change the packet
        constexpr std::array helpers{34, 39, 41, 19, 44, 46, 47};
        put(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
        put(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, static_cast<int>(below(20)));
        put(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
        put(BPF_JMP | BPF_CALL, 0, 0, 0, helpers[below(helpers.size())]);
        for (Held& held : held_) // pointers into the packet may be gone
            if (held == Held::packet)
                held = Held::nothing;
        break;
    }
    case 2: { // the length of the packet, and its kind
        constexpr std::array helpers{38, 32};
        put(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
        put(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, static_cast<int>(below(80)));
        put(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
        put(BPF_JMP | BPF_CALL, 0, 0, 0, helpers[below(helpers.size())]);
        for (Held& held : held_)
            if (held == Held::packet)
                held = Held::nothing;
        break;
    }
    default:
        put(BPF_JMP | BPF_CALL, 0, 0, 0, plain[below(plain.size())]);
    }
    for (unsigned i = 1; i <= 5; ++i)
        held_[i] = Held::nothing;
    held_[0] = Held::number;
}

// Over one statement, behind which only what both ways have is left.
void ProgramMaker::branch() {
    constexpr std::array conditions{BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JSET, BPF_JSLT};
    const int number = holding(Held::number);
    const unsigned what = number < 0 ? 8 : static_cast<unsigned>(number);
    const std::size_t at = program_.size();
    put(conditions[below(conditions.size())] | BPF_K | (once_in(2) ? BPF_JMP : BPF_JMP32), what, 0,
        0, static_cast<int>(below(9)) - 1);
    const std::array<Held, 10> before = held_;
    statement();
    if (once_in(3))
        leave();
    program_[at].off = static_cast<__s16>(program_.size() - at - 1);
    for (unsigned i = 0; i < held_.size(); ++i)
        if (held_[i] != before[i])
            held_[i] = Held::nothing;
}

void ProgramMaker::leave() {
    constexpr std::array verdicts{-1, -1, -1, 1, 3, 2, 0};
    const int number = holding(Held::number);
    if (number >= 0 && once_in(6))
        put(BPF_ALU64 | BPF_MOV | BPF_X, 0, static_cast<unsigned>(number), 0, 0);
    else
        put(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, verdicts[below(verdicts.size())]);
    put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void ProgramMaker::statement() {
    switch (below(10)) {
    case 0:
        return put_number();
    case 1:
    case 2:
        return compute();
    case 3:
        return load_context();
    case 4:
        return load_packet();
    case 5:
        return load();
    case 6:
    case 7:
        return store();
    case 8:
        return once_in(2) ? change() : call();
    default:
        return program_.size() < 40 ? branch() : put_number();
    }
}

void ProgramMaker::damage() {
    bpf_insn& insn = program_[below(static_cast<unsigned>(program_.size()))];
    switch (below(5)) {
    case 0:
        insn.dst_reg = below(11) & 0xf;
        return;
    case 1:
        insn.src_reg = below(11) & 0xf;
        return;
    case 2:
        insn.off = static_cast<__s16>(insn.off + static_cast<int>(below(33)) - 16);
        return;
    case 3:
        insn.imm += static_cast<int>(below(9)) - 4;
        return;
    default:
        insn.code = static_cast<__u8>(random_());
    }
}

ProgramMaker::Program ProgramMaker::make(std::size_t most) {
    program_.clear();
    held_.fill(Held::nothing);
    held_[1] = held_[6] = Held::context;
    held_[7] = Held::map;
    held_[8] = Held::number;
    held_[9] = Held::value;
    for (int offset = -32; offset < 0; offset += 8) // the stack is there
        put(BPF_ST | BPF_MEM | BPF_DW, 10, 0, offset, static_cast<int>(below(4)) - 1);
    const std::size_t length = 8 + below(static_cast<unsigned>(most - 20));
    while (program_.size() < length)
        statement();
    while (once_in(3))
        damage();
    if (program_.size() > most)
        program_.resize(most);
    return program_;
}

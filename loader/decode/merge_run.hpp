// SPDX-License-Identifier: BSD-2-Clause
// The loop of a MergePlan, and the steps that it goes through; used by merge_plan.cpp only.
#pragma once

#include <algorithm>
#include <cstring>

#include "decode/decode_plan.hpp"
#include "decode/merge_rule.hpp"
#include "decode/merge_word.hpp"

namespace dynmon {

struct MergePlan::Step {
    enum class Op : std::uint8_t {
        bytes,
        u64,
        i64,
        wide,
        real,
        // Sums with more room than what is added up.
        u64_of_words,
        i64_of_words,
        u128_of_words,
        i128_of_words,
    };
    Op op = Op::bytes;
    MergeRule rule = MergeRule::first;
    Scalar from;
    Scalar to;
    std::uint32_t body = 0; // of a loop: the next `body` steps are one element's; 0: no loop
    std::uint32_t count = 0;
    std::uint32_t from_stride = 0;
    std::uint32_t to_stride = 0;
};

struct MergePlan::Run {
    std::size_t cpus;
    std::size_t stride;
    std::size_t leader; // a CPU

    static std::size_t find_leader(const Scalar& field, const std::byte* copies, std::size_t cpus,
                                   std::size_t stride) {
        std::size_t leader = 0;
        unsigned __int128 least = 0;
        for (std::size_t cpu = 0; cpu < cpus; ++cpu, copies += stride) {
            const unsigned __int128 value = load_integer(field, copies);
            const bool less = field.is_signed
                                  ? static_cast<__int128>(value) < static_cast<__int128>(least)
                                  : value < least;
            if (value != 0 && (least == 0 || less)) {
                least = value;
                leader = cpu;
            }
        }
        return leader;
    }

    // Bits around a bitfield come along, and nobody looks at them.
    void take(const Step& step, std::size_t cpu, const std::byte* copies, std::byte* into) const {
        std::memcpy(into + step.to.offset, copies + cpu * stride + step.from.offset,
                    step.from.size);
    }

    template <typename T>
    T fold(const Step& step, const std::byte* copies) const {
        T result = load_as<T>(step.from, copies);
        for (std::size_t cpu = 1; cpu < cpus; ++cpu) {
            copies += stride;
            result = combine(step.rule, result, load_as<T>(step.from, copies));
        }
        return result;
    }

    template <typename Word, typename Sum>
    void add_up(const Step& step, const std::byte* copies, std::byte* into) const {
        Sum sum = 0;
        for (std::size_t cpu = 0; cpu < cpus; ++cpu, copies += stride)
            sum += load_as<Word>(step.from, copies);
        std::memcpy(into + step.to.offset, &sum, sizeof sum);
    }

    void bytes(const Step& step, const std::byte* copies, std::byte* into) const {
        for (std::size_t i = 0; i < cpus; ++i) {
            const std::size_t cpu = step.rule == MergeRule::last ? cpus - 1 - i : i;
            const std::byte* from = copies + cpu * stride + step.from.offset;
            const bool set = std::any_of(from, from + step.from.size,
                                         [](std::byte byte) { return byte != std::byte{0}; });
            if (set)
                return take(step, cpu, copies, into);
        }
    }

    void leaf(const Step& step, const std::byte* copies, std::byte* into) const {
        using Op = Step::Op;
        if (step.rule == MergeRule::follows)
            return take(step, leader, copies, into);
        switch (step.op) {
        case Op::u64_of_words:
            return add_up<std::uint64_t, std::uint64_t>(step, copies, into);
        case Op::i64_of_words:
            return add_up<std::int64_t, std::int64_t>(step, copies, into);
        case Op::u128_of_words:
            return add_up<std::uint64_t, unsigned __int128>(step, copies, into);
        case Op::i128_of_words:
            return add_up<std::int64_t, __int128>(step, copies, into);
        case Op::u64:
            return store_word(step.to, fold<std::uint64_t>(step, copies), into);
        case Op::i64:
            return store_word(step.to, static_cast<std::uint64_t>(fold<std::int64_t>(step, copies)),
                              into);
        case Op::wide:
            return store_integer(step.to,
                                 step.from.is_signed
                                     ? static_cast<unsigned __int128>(fold<__int128>(step, copies))
                                     : fold<unsigned __int128>(step, copies),
                                 into);
        case Op::real:
            return store_real(step.to, fold<double>(step, copies), into);
        case Op::bytes:
            return bytes(step, copies, into);
        }
    }

    void steps(const Step* step, const Step* end, const std::byte* copies, std::byte* into) const {
        for (; step != end; ++step) {
            if (step->body == 0) {
                leaf(*step, copies, into);
                continue;
            }
            for (std::size_t i = 0; i < step->count; ++i)
                steps(step + 1, step + 1 + step->body, copies + i * step->from_stride,
                      into + i * step->to_stride);
            step += step->body;
        }
    }
};

} // namespace dynmon

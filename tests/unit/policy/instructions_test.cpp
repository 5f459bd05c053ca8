// SPDX-License-Identifier: BSD-2-Clause
// How many instructions a program may run: loops that the verifier does not multiply are, by their
// rounds, whatever clang and instruction set made them.
#include <algorithm>
#include <filesystem>
#include <functional>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/object.hpp"
#include "policy/instructions.hpp"
#include "policy/raw_programs.hpp"

using namespace dynmon;

namespace {

constexpr std::uint64_t body = 40; // a round of any loop there has no more instructions

struct Counting {
    const Object& object;
    std::vector<MapShape> shapes;

    InstructionBound of(const char* program,
                        std::optional<std::uint64_t> walked = std::nullopt) const {
        return Instructions(object, *object.program(program), false).at_most(shapes, walked);
    }
};

void each_object(const std::function<void(const Counting&)>& check) {
    const test::WithoutTrials quick;
    std::size_t objects = 0;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::filesystem::path(DYNMON_POLICY_OBJECTS) / "counted")) {
        if (entry.path().extension() != ".o")
            continue;
        const std::string file = entry.path().filename().string();
        CAPTURE(file);
        const Object object = Object::parse(read_file(entry.path().string(), 8u << 20), file);
        check({object, {}});
        ++objects;
    }
    CHECK(objects >= 3);
}

// The bound is for `rounds` in all, and for no more.
void check_rounds(const InstructionBound& bound, std::uint64_t rounds) {
    CHECK(bound.number >= 2 * rounds);
    CHECK(bound.number <= (body + 2) * rounds);
}

InstructionBound bound_of_raw(const std::vector<bpf_insn>& program) {
    const test::WithoutTrials quick;
    const Object object = Object::parse(test::raw_bytes("tc", program), "raw.bpf.o");
    return Instructions(object, *object.program("raw_tc"), false).at_most({}, std::nullopt);
}

} // namespace

TEST_CASE("without loops every instruction counts once, on the longest way and on the others") {
    const std::uint64_t straight = bound_of_raw({}).number;
    CHECK(straight == 71); // raw.bpf.c: 5 instructions, the room, the way out
    CHECK(bound_of_raw({test::go(3)}).number == straight - 3); // never reached
    CHECK_FALSE(bound_of_raw({}).unrolled);
    each_object([](const Counting& counting) {
        CHECK(counting.of("none").number < body);
        CHECK(counting.of("none").loop == "");
        CHECK(counting.of("none", 1'000).number < body);
    });
}

TEST_CASE("loops that the verifier walks are what it counted") {
    each_object([](const Counting& counting) {
        CHECK(counting.of("plain").unrolled);
        CHECK(counting.of("plain").number < body);
        CHECK(counting.of("plain", 1'234).number == 1'234);
        CHECK_FALSE(counting.of("plain", 1'234).unrolled);
    });
}

TEST_CASE("loops by helpers are multiplied, nested ones by each other") {
    each_object([](const Counting& counting) {
        const InstructionBound bound = counting.of("helper_1000");
        check_rounds(bound, 1000);
        CHECK(bound.loop.starts_with("bpf_loop in loops.bpf.c:"));
        CHECK(bound.rounds == 1000);
        CHECK(bound.constant);
        CHECK_FALSE(bound.unrolled);
        CHECK(counting.of("helper_1000", 100).number == bound.number);
        check_rounds(counting.of("helper_100_of_50"), 5000);
        check_rounds(counting.of("helper_30_or_20"), 30);
    });
}

// PROMISES:
// P-8 run more instructions for a packet
TEST_CASE("a loop of unknown length goes round as often as the kernel lets it") {
    each_object([](const Counting& counting) {
        for (const char* program : {"helper_unknown", "iterator_unknown",
                                    "iterator_unknown_by_another_name", "hash_that_grows"}) {
            CAPTURE(program);
            const InstructionBound bound = counting.of(program);
            check_rounds(bound, 1u << 23);
            CHECK(bound.rounds == 1u << 23);
            CHECK_FALSE(bound.constant);
        }
    });
}

// PROMISES:
// P-8 run more instructions for a packet
TEST_CASE("a plain loop around one that the verifier does not walk may have no end") {
    each_object([](const Counting& counting) {
        for (const char* program :
             {"plain_of_helper_1000", "endless_of_helper", "endless_of_iterator",
              "endless_after_iterator", "endless_by_renewal", "endless_by_function"}) {
            CAPTURE(program);
            for (const std::optional<std::uint64_t> walked :
                 {std::optional<std::uint64_t>(), {60}}) {
                const InstructionBound bound = counting.of(program, walked);
                CHECK(bound.number == UINT64_MAX);
                CHECK_FALSE(bound.constant);
                CHECK(bound.loop.starts_with("the plain loop around bpf_"));
            }
        }
    });
}

TEST_CASE("a loop over a map goes round once for each entry that it may have") {
    each_object([](const Counting& counting) {
        check_rounds(counting.of("map_1000"), 1000);
        check_rounds(counting.of("hash_1000"), 1000);
        CHECK(counting.of("map_1000").rounds == 1000);
        const Counting shaped{
            counting.object,
            {{.name = "TABLE", .type = BPF_MAP_TYPE_ARRAY, .max_entries = 100'000}}};
        check_rounds(shaped.of("map_1000"), 100'000);
    });
}

TEST_CASE("iterators are multiplied when one is in the other, and added when they are not") {
    each_object([](const Counting& counting) {
        check_rounds(counting.of("iterator_100"), 100);
        CHECK(counting.of("iterator_100").loop.starts_with("bpf_for in loops.bpf.c:"));
        check_rounds(counting.of("iterator_10_of_20"), 200);
        check_rounds(counting.of("iterator_10_then_20"), 30);
        CHECK_FALSE(counting.of("iterator_10_of_20").unrolled);
    });
}

TEST_CASE("a function that is not static counts for each of its calls") {
    each_object([](const Counting& counting) {
        const std::uint64_t bound = counting.of("global_twice", 1'000).number;
        CHECK(bound >= 2'000);
        CHECK(bound <= 2'000 + body);
    });
}

TEST_CASE("may_goto goes round as often as the kernel lets it") {
    const bpf_insn may_goto = test::make(BPF_JMP | 0xe0, 0, 0, 1);
    const InstructionBound bound =
        bound_of_raw({may_goto, test::go(1), test::leave(), test::go(-4)});
    CHECK(bound.number >= 3u << 28);
    CHECK(bound.number <= 4ull << 28);
    CHECK(bound.loop.starts_with("may_goto in "));
    CHECK_FALSE(bound.constant);
}

TEST_CASE("more loops within each other than people write are not counted") {
    const auto nest = [](int loops) {
        std::vector<bpf_insn> program;
        for (int i = 0; i < loops; ++i)
            program.push_back(test::make(BPF_JMP | 0xe0, 0, 0, 2 * loops - i));
        for (int i = 0; i < loops; ++i) // back to the last of them, and so on
            program.push_back(test::make(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, -1 - 2 * i - 1, i + 1));
        return bound_of_raw(program);
    };
    CHECK(nest(2).loop.starts_with("may_goto in "));
    CHECK(nest(31).number == UINT64_MAX);
    CHECK(nest(31).loop.starts_with("a nest of more loops than dynmon counts, as of may_goto in "));
}

TEST_CASE("more than is allowed is refused with the loop that makes it so, and the cure") {
    CHECK_NOTHROW(require_instructions("p", {.number = 100}, 100));
    const auto refusal = [](const InstructionBound& bound) {
        try {
            require_instructions("p", bound, 99);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::rejected);
            return std::string(error.what()) + " | " + error.hint();
        }
        return std::string();
    };
    CHECK(
        refusal({.number = 100}) ==
        "program 'p' may run 100 instructions a packet; at most 99 are allowed | let its loops go "
        "round less often\nraise `instructions` in the machine's policy");
    const std::string unknown = refusal(
        {.number = UINT64_MAX, .loop = "bpf_loop in a.c:3", .rounds = 7, .constant = false});
    CHECK(unknown.find("endlessly many instructions a packet; at most 99 are allowed: bpf_loop in "
                       "a.c:3 goes round up to 7 times, as far as is known here | ") !=
          std::string::npos);
    CHECK(refusal({.number = UINT64_MAX, .loop = "b", .rounds = UINT64_MAX, .constant = false})
              .find(": b goes round endlessly often, as far as is known here | ") !=
          std::string::npos);
    CHECK(unknown.find("a constant number of rounds") != std::string::npos);
}

// SPDX-License-Identifier: BSD-2-Clause
// What a probe may do under its manifest: nothing but look, and what `may` says; and what is found
// when it does more.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "manifest/words.hpp"
#include "policy/linked_code.hpp"

namespace dynmon {

// One thing that a program may do besides looking, with the place in its source.

struct Effect {
    std::optional<Power> power; // unset: no manifest can allow it
    std::string what;           // "bpf_skb_store_bytes"
    std::string place;          // "probe.bpf.c:42"

    bool operator==(const Effect&) const = default;
};

using Effects = std::vector<Effect>; // in the order in which they were found, none twice

void add_effect(Effects& effects, Effect effect); // unless it is there

// "writes packets"
const char* words_of(Power power);

// "writes packets: bpf_skb_store_bytes in probe.bpf.c:42"; without a power what and where.
std::string to_string(const Effect& effect);

} // namespace dynmon

// What was found in a program, by instruction. An instruction is seen many times, its effects count
// once.

namespace dynmon::policy {

class Findings {
public:
    void add(std::size_t at, std::optional<Power> power, const std::string& what) {
        found_.emplace(at, power, what);
    }

    Effects effects(const LinkedCode& code) const {
        Effects effects;
        for (const auto& [at, power, what] : found_)
            add_effect(effects, {power, what, code.place(at)});
        return effects;
    }

private:
    std::set<std::tuple<std::size_t, std::optional<Power>, std::string>> found_;
};

} // namespace dynmon::policy

namespace dynmon {

struct Manifest;
class Object;
struct ProgramInfo;

struct Problem {
    std::string message;
    std::string hint;
};
using Problems = std::vector<Problem>;

// Problems of the object's maps, which all programs share.
Problems map_problems(const Manifest& manifest, const Object& object);

// Problems of one program, given what it does.
Problems effect_problems(const Manifest& manifest, const ProgramInfo& program,
                         const Effects& effects);

// Both of a program that is to be loaded. Throws Error{rejected} with the first.
void require_policy(const Manifest& manifest, const Object& object, const ProgramInfo& program);

} // namespace dynmon

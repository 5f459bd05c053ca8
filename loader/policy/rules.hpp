// SPDX-License-Identifier: BSD-2-Clause
// What a probe may do under its manifest: nothing but look, and what `may` says.
#pragma once

#include <string>
#include <vector>

#include "policy/effect.hpp"

namespace dynmon {

struct Manifest;
class Object;
struct ProgramInfo;

struct Problem {
    std::string message;
    std::string hint;
};
using Problems = std::vector<Problem>;

// Of the maps of the object, which all programs share.
Problems map_problems(const Manifest& manifest, const Object& object);

// Of one program, given what it does.
Problems effect_problems(const Manifest& manifest, const ProgramInfo& program,
                         const Effects& effects);

// Both of a program that is to be loaded. Throws Error{rejected} with the first.
void require_policy(const Manifest& manifest, const Object& object, const ProgramInfo& program);

} // namespace dynmon

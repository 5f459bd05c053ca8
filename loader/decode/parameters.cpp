// SPDX-License-Identifier: BSD-2-Clause
#include "decode/parameters.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "decode/parameter_type.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

using Assignments = std::map<std::string, std::string>;

Assignments split_assignments(const std::vector<std::string>& texts) {
    Assignments assignments;
    for (const std::string& text : texts) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            throw Error(ErrorKind::usage, "'" + text + "' sets nothing")
                .hint("parameters are set as name=value");
        const std::string name = text.substr(0, equals);
        if (!assignments.emplace(name, text.substr(equals + 1)).second)
            throw Error(ErrorKind::usage, "parameter '" + name + "' is set twice");
    }
    return assignments;
}

std::vector<std::string> parameter_names(const Object& object) {
    std::vector<std::string> names;
    for (const GlobalInfo& global : object.globals())
        names.push_back(global.name);
    return names;
}

std::string no_such_hint(const Object& object, const std::string& name) {
    const std::vector<std::string> names = parameter_names(object);
    const std::string near = nearest_name(name, names);
    if (!near.empty())
        return "did you mean '" + near + "'?";
    std::string known;
    for (const std::string& other : names)
        known += (known.empty() ? "" : ", ") + other;
    return known.empty() ? "the object has no parameters: no global is const volatile"
                         : "its parameters are " + known;
}

GlobalValue make_value(const Object& object, const std::string& name, const std::string& text,
                       const Parameter* parameter) {
    const GlobalInfo* global = object.global(name);
    if (global == nullptr)
        throw Error(ErrorKind::usage, "no parameter '" + name + "' in " + object.path())
            .hint(no_such_hint(object, name));
    return during("parameter '" + name + "'", [&] {
        const ParameterType type(object, *global);
        const WideInteger value = type.parse(text);
        if (parameter != nullptr && parameter->min && value < type.parse(*parameter->min))
            throw Error(ErrorKind::usage, "'" + text + "' is below the minimum " + *parameter->min);
        if (parameter != nullptr && parameter->max && value > type.parse(*parameter->max))
            throw Error(ErrorKind::usage, "'" + text + "' is above the maximum " + *parameter->max);
        return GlobalValue{name, text, type.bytes(value)};
    });
}

} // namespace

std::vector<GlobalValue> resolve_parameters(const Manifest& manifest, const Object& object,
                                            const std::vector<std::string>& assignments) {
    Assignments open = split_assignments(assignments);
    std::vector<GlobalValue> values;
    for (const Parameter& parameter : manifest.parameters) {
        const auto assigned = open.find(parameter.name);
        if (assigned != open.end()) {
            values.push_back(make_value(object, parameter.name, assigned->second, &parameter));
            open.erase(assigned);
        } else if (parameter.preset) {
            values.push_back(make_value(object, parameter.name, *parameter.preset, &parameter));
        }
    }
    for (const auto& [name, text] : open)
        values.push_back(make_value(object, name, text, nullptr));
    return values;
}

} // namespace dynmon

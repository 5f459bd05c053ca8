// SPDX-License-Identifier: BSD-2-Clause
#include "cli/usage.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/identifier.hpp"

namespace dynmon {

namespace {

// Words of other tools.
constexpr std::pair<std::string_view, std::string_view> other_verbs[] = {
    {"help", "--help"},
    {"version", "--version"},
    {"list", "status"},
    {"ls", "status"},
    {"show", "status"},
    {"ps", "status"},
    {"info", "status"},
    {"top", "status --stats"},
    {"attach", "load NAME PROBE --dev IFACE"},
    {"run", "load NAME PROBE --dev IFACE"},
    {"add", "load NAME PROBE --dev IFACE"},
    {"start", "load NAME PROBE --dev IFACE"},
    {"detach", "unload NAME"},
    {"stop", "unload NAME"},
    {"rm", "unload NAME"},
    {"remove", "unload NAME"},
    {"update", "replace NAME PROBE"},
    {"tail", "stream MAP"}};

std::string did_you_mean(const std::string& nearest, const std::string& otherwise) {
    return nearest.empty() ? otherwise : "did you mean '" + nearest + "'?";
}

Error no_verb(const std::string& word, const CLI::App& app) {
    Error error(ErrorKind::usage, "no verb '" + word + "'");
    const auto* other = std::find_if(std::begin(other_verbs), std::end(other_verbs),
                                     [&](const auto& each) { return each.first == word; });
    if (other != std::end(other_verbs))
        return error.hint("`dynmon-load " + std::string(other->second) + "`");
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(verb->get_name());
    return error.hint(
        did_you_mean(nearest_name(word, names), "`dynmon-load --help` lists the verbs"));
}

void add_options(const CLI::App& app, std::vector<std::string>& names) {
    for (const CLI::Option* option : app.get_options())
        if (!option->get_lnames().empty())
            names.push_back("--" + option->get_lnames().front());
    for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; }))
        if (group->get_name().empty())
            add_options(*group, names);
}

Error no_option(const std::string& word, const CLI::App& app, const CLI::App* verb) {
    const std::string name = word.substr(0, word.find('='));
    std::vector<std::string> names;
    add_options(app, names);
    if (verb != nullptr)
        add_options(*verb, names);
    const std::string help =
        "`dynmon-load " + (verb == nullptr ? "" : verb->get_name() + " ") + "--help` lists them";
    return Error(ErrorKind::usage,
                 (verb == nullptr ? "no option '" : verb->get_name() + " has no option '") + name +
                     "'")
        .hint(did_you_mean(nearest_name(name, names), help));
}

} // namespace

// What was not understood comes first: a required option may be missing because it is misspelt.
Error usage_error(const CLI::ParseError& error, const CLI::App& app) {
    const auto used = app.get_subcommands();
    const CLI::App* const verb = used.empty() ? nullptr : used.front();
    const std::vector<std::string> rest = app.remaining(true);
    const auto option = std::find_if(rest.begin(), rest.end(), [](const std::string& word) {
        return word.size() > 1 && word.front() == '-' && word != "--";
    });
    if (option != rest.end())
        return no_option(*option, app, verb);
    if (verb == nullptr && !rest.empty())
        return no_verb(rest.front(), app);
    if (verb == nullptr)
        return Error(ErrorKind::usage, error.what()).hint("`dynmon-load --help` lists the verbs");
    const std::string how = "`dynmon-load " + verb->get_name() + " --help` shows how";
    if (!rest.empty())
        return Error(ErrorKind::usage, "unexpected argument '" + rest.front() + "'").hint(how);
    return Error(ErrorKind::usage, error.what()).hint(how);
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
#include "cli/map_argument.hpp"

#include <charconv>
#include <sstream>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "control/build.hpp"
#include "control/window.hpp"

namespace dynmon {

namespace {

constexpr std::size_t most_words = 1u << 20; // of one command
constexpr std::size_t longest_line = 4096;

std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos)
        return "";
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

void add_words(const std::string& line, std::vector<Word>& found) {
    const std::size_t comment = line.find('#');
    const std::string reason =
        comment == std::string::npos ? "" : trimmed(line.substr(comment + 1));
    std::istringstream words(line.substr(0, comment));
    for (std::string word; words >> word;)
        found.push_back({word, reason});
}

} // namespace

void read_words(std::istream& lines, std::vector<Word>& found) {
    std::vector<char> line(longest_line + 1);
    for (std::size_t number = 1;; ++number) {
        lines.getline(line.data(), static_cast<std::streamsize>(line.size()));
        if (lines.fail() && !lines.eof())
            throw Error(ErrorKind::usage, "standard input, line " + std::to_string(number) +
                                              ": longer than " + std::to_string(longest_line) +
                                              " bytes");
        add_words(line.data(), found);
        if (found.size() > most_words)
            throw Error(ErrorKind::usage,
                        "standard input has more than " + std::to_string(most_words) + " prefixes")
                .hint("add the rest with another command");
        if (lines.eof())
            return;
    }
}

namespace {

// "web/FLOWS": no path starts like that, unless one is meant that begins in this folder.
bool names_monitor(const std::string& text) {
    const std::size_t slash = text.find('/');
    return slash != std::string::npos && text.find('/', slash + 1) == std::string::npos &&
           is_identifier(text.substr(0, slash));
}

FoundMap find_pinned(const std::string& text, const Settings& settings) {
    if (!names_monitor(text))
        return {.fd = open_map_pin(text), .pin_path = text};
    const std::size_t slash = text.find('/');
    return map_of_monitor(settings.open_store(false), text.substr(0, slash),
                          text.substr(slash + 1));
}

} // namespace

std::string MapArgument::monitor_of(const FoundMap& map, const Settings& settings) {
    if (map.pin_path.empty())
        return "";
    try {
        const std::string folder = settings.open_store(false).monitors_dir() + "/";
        if (map.pin_path.starts_with(folder))
            return map.pin_path.substr(folder.size(),
                                       map.pin_path.find('/', folder.size()) - folder.size());
    } catch (const Error&) {
        // there is no store of ours: the map belongs to another program
    }
    return "";
}

void MapArgument::declare(CLI::App& app) {
    app.add_option("MAP", words,
                   "a pinned path, `id N`, `name N`, or MONITOR/MAP of a loaded monitor")
        ->required()
        ->expected(1, 2);
    app.add_option("--object", object,
                   "take the types from the definition of the map in this .bpf.o; default: from "
                   "the kernel's BTF of the map or of a program that uses it")
        ->type_name("FILE");
}

FoundMap MapArgument::find(const Settings& settings) const {
    FoundMap found = find_anywhere(settings);
    if (const std::string monitor = monitor_of(found, settings); !monitor.empty())
        found.interfaces = [settings, monitor] {
            return interfaces_of_monitor(settings.open_store(false), monitor);
        };
    return found;
}

FoundMap MapArgument::find_anywhere(const Settings& settings) const {
    if (words.size() == 1)
        return find_pinned(words[0], settings);
    if (words[0] == "name")
        return {.fd = open_map_name(words[1]), .name = words[1]};
    if (words[0] == "pinned")
        return {.fd = open_map_pin(words[1]), .pin_path = words[1]};
    std::uint32_t id = 0;
    const char* end = words[1].data() + words[1].size();
    const auto [stop, fault] = std::from_chars(words[1].data(), end, id);
    if (words[0] != "id" || fault != std::errc{} || stop != end)
        throw Error(ErrorKind::usage, "'" + words[0] + " " + words[1] + "' names no map")
            .hint("MAP is a path in bpffs, `id N`, `name N` or MONITOR/MAP");
    return {.fd = open_map_id(id)};
}

} // namespace dynmon

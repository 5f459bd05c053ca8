// SPDX-License-Identifier: BSD-2-Clause
#include "base/log.hpp"

#include <memory>

#include <nlohmann/json.hpp>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>

#include "base/json_text.hpp"
#include "base/log_form.hpp"
#include "base/printable.hpp"

namespace dynmon::log {

namespace {

// A logger of our own: a program that uses libdynmon keeps its default logger to itself.
spdlog::logger& logger() {
    static const auto instance = [] {
        auto created = std::make_shared<spdlog::logger>(
            "dynmon", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_st>());
        created->set_pattern("%n: %^%l%$: %v");
        return created;
    }();
    return *instance;
}

bool as_json = false;

void say(spdlog::level::level_enum level, const char* kind, const std::string& message) {
    if (as_json)
        logger().log(level, "{}", json_text(nlohmann::ordered_json{{kind, message}}));
    else
        logger().log(level, "{}", printable_message(message));
}

} // namespace

void set_json() {
    as_json = true;
    logger().set_pattern("%v");
}

void set_verbose(bool verbose) {
    if (verbose)
        logger().set_level(spdlog::level::debug);
}

void set_quiet(bool quiet) {
    if (quiet)
        logger().set_level(spdlog::level::warn);
}

void debug(const std::string& message) {
    say(spdlog::level::debug, "debug", message);
}

void info(const std::string& message) {
    say(spdlog::level::info, "info", message);
}

void warn(const std::string& message) {
    say(spdlog::level::warn, "warning", message);
}

} // namespace dynmon::log

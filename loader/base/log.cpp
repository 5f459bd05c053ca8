#include "base/log.hpp"

#include <memory>

#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>

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

} // namespace

void set_verbose(bool verbose) {
    if (verbose)
        logger().set_level(spdlog::level::debug);
}

void set_quiet(bool quiet) {
    if (quiet)
        logger().set_level(spdlog::level::warn);
}

void debug(const std::string& message) {
    logger().debug("{}", printable_message(message));
}

void info(const std::string& message) {
    logger().info("{}", printable_message(message));
}

void warn(const std::string& message) {
    logger().warn("{}", printable_message(message));
}

} // namespace dynmon::log

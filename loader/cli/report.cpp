#include "cli/report.hpp"

#include <iostream>

#include <time.h>

#include "base/error.hpp"
#include "hook/hook.hpp"

namespace dynmon {

using nlohmann::ordered_json;

ordered_json generation_json(const GenerationRecord& record) {
    ordered_json programs = ordered_json::array();
    for (const ProgramRecord& program : record.programs)
        programs.push_back({{"direction", to_string(program.direction)},
                            {"name", program.name},
                            {"hook", to_string(program.hook.point)},
                            {"ifindex", program.hook.ifindex},
                            {"netns", program.hook.netns},
                            {"ids", program.ids}});
    ordered_json maps = ordered_json::array();
    for (const MapRecord& map : record.maps)
        maps.push_back({{"name", map.name}, {"swapped", map.swapped}});
    return {{"monitor", record.monitor},
            {"probe", record.manifest.name},
            {"generation", record.number},
            {"sha256", record.sha256},
            {"clock", to_string(record.clock)},
            {"parameters", record.parameters},
            {"programs", programs},
            {"maps", maps}};
}

void print_result(const Global& global, const ordered_json& document, const std::string& sentence) {
    if (global.json)
        std::cout << document.dump() << "\n";
    else if (!sentence.empty())
        std::cout << sentence << "\n";
}

std::string iso_time(std::uint64_t epoch_ns) {
    const auto seconds = static_cast<time_t>(epoch_ns / 1'000'000'000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

namespace {

// Nothing: somebody has unloaded the monitor in the meantime.
std::optional<HookRecord> record_of(const Store& store, const HookId& hook) {
    try {
        return read_hook_record(store, hook);
    } catch (const Error&) {
        return std::nullopt;
    }
}

} // namespace

std::string places_text(const Global& global, const GenerationRecord& record) {
    if (record.programs.empty())
        return "no hook";
    const Store store = global.settings.open_store(false);
    std::string device;
    std::string points;
    for (const ProgramRecord& program : record.programs) {
        points += std::string(points.empty() ? "" : ", ") + to_string(program.hook.point);
        const std::optional<HookRecord> hook = record_of(store, program.hook);
        if (!hook)
            continue;
        device =
            hook_device(store, program.hook) + (hook->netns.empty() ? "" : " in " + hook->netns);
        if (program.hook.point != HookPoint::xdp)
            points += hook->attach == Attach::link ? "/tcx" : "/clsact";
    }
    return device + " (" + points + ")";
}

} // namespace dynmon

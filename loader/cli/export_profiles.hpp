// The profiles of `export`: what each makes of a monitor's windows, and which options it has.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

#include "export/exporter.hpp"
#include "profile/report.hpp"

namespace dynmon {

// What was asked for. An option that is not among those of the profile is refused before.
struct ExportArguments {
    std::string out; // --out
    std::string format = "csv";
    unsigned rows = 7;
    std::chrono::nanoseconds interval{};
};

// A consumer of windows and what it stands on.
class ExportTarget {
public:
    virtual ~ExportTarget() = default;
    virtual Exporter& exporter() = 0;
};

struct ExportProfile {
    const char* name;
    const char* summary;              // one line of --help
    std::vector<const char*> options; // besides those of every profile; "--out!" has to be given
    // Opens what the windows go to. Throws Error. `report` is called for each window.
    std::unique_ptr<ExportTarget> (*open)(const ExportArguments& arguments, ReportWindow report);
};

const std::vector<ExportProfile>& export_profiles();

// Declares the options of all profiles.
void declare_export_options(CLI::App& app, ExportArguments& arguments);

} // namespace dynmon

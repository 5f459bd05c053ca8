// SPDX-License-Identifier: BSD-2-Clause
// The profiles of `export` for flows: `ipfix` to a collector, `netflow` into files.
#pragma once

#include "cli/export_profiles.hpp"

namespace dynmon {

void declare_flow_options(CLI::App& app, FlowArguments& arguments);

std::unique_ptr<ExportTarget> open_ipfix(const ExportArguments& arguments, ReportWindow report);
std::unique_ptr<ExportTarget> open_netflow(const ExportArguments& arguments, ReportWindow report);

} // namespace dynmon

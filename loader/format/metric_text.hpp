// SPDX-License-Identifier: BSD-2-Clause
// Names and texts as the OpenMetrics grammar wants them.
#pragma once

#include <string>
#include <string_view>

namespace dynmon {

std::string metric_name(std::string_view text); // [a-zA-Z_:][a-zA-Z0-9_:]*, the rest becomes '_'
std::string label_name(std::string_view text);  // the same without ':'
void append_label(std::string_view name, std::string_view value, std::string& out); // name="value"
void append_help(std::string_view text, std::string& out);

} // namespace dynmon

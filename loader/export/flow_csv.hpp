// SPDX-License-Identifier: BSD-2-Clause
// Flows as rows of a table for people and spreadsheets, with the columns of nfdump. Pure.
#pragma once

#include <string>
#include <string_view>

#include "export/flow_record.hpp"

namespace dynmon {

extern const std::string_view flow_csv_header; // with its line end

// Appends the row of a flow.
void put_flow_csv_row(const FlowRecord& flow, std::string& out);

} // namespace dynmon

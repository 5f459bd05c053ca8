// Flows as rows of a table for people and spreadsheets, with the columns of nfdump. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "export/flow_record.hpp"

namespace dynmon {

extern const std::string_view flow_csv_header; // with its line end

// A row each, in the order of the flows' first packets.
std::string flow_csv_rows(std::span<const FlowRecord> flows);

} // namespace dynmon

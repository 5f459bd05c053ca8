// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_files.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "decode/text.hpp"

namespace dynmon {

namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

// "2026-11-21 12:00:00.123456789", UTC.
void put_first_seen(std::uint64_t ns, std::string& out) {
    char text[longest_text];
    char* const end = put_time(text, static_cast<std::int64_t>(ns / ns_per_second),
                               static_cast<std::uint32_t>(ns % ns_per_second));
    std::replace(text, end, 'T', ' ');
    out.append(text, end - 1); // without the Z
}

void put_seconds(std::uint64_t ns, std::string& out) { // "1.250000000"
    const std::string fraction = std::to_string(ns % ns_per_second);
    out += std::to_string(ns / ns_per_second) + '.';
    out.append(9 - fraction.size(), '0');
    out += fraction;
}

void put_end(const FlowKey& key, const std::array<std::uint8_t, 16>& address,
             const std::string& port, std::string& out) {
    char text[longest_text];
    const auto* bytes = reinterpret_cast<const std::byte*>(address.data());
    const bool v6 = key.ip_version == 6;
    char* const end = v6 ? put_ipv6(text, bytes) : put_ipv4(text, bytes + 12);
    if (v6)
        out += '[';
    out.append(text, end);
    out += v6 ? "]:" : ":";
    out += port;
}

// As nfdump has it: "...AP.SF".
void put_flags(std::uint8_t flags, std::string& out) {
    constexpr std::string_view letters = "CEUAPRSF";
    for (std::size_t i = 0; i < letters.size(); ++i)
        out += (flags & (0x80 >> i)) != 0 ? letters[i] : '.';
}

const char* text_of(EndReason reason) {
    switch (reason) {
    case EndReason::idle:
        return "idle";
    case EndReason::active:
        return "active";
    case EndReason::end_of_flow:
        return "end";
    case EndReason::forced:
        return "forced";
    case EndReason::lack_of_memory:
        return "memory";
    case EndReason::none:
        break;
    }
    return "";
}

std::string destination_port(const FlowKey& key) {
    if (has_unknown_type(key))
        return "unknown";
    if (!is_icmp_of_its_version(key))
        return std::to_string(key.dport);
    return std::to_string(key.dport >> 8) + '.' + std::to_string(key.dport & 0xff);
}

} // namespace

const std::string_view flow_csv_header =
    "First seen,Duration,Proto,Src IP:Port,Dst IP:Port,Flags,ToS,Packets,Bytes,Flows,"
    "Direction,VLAN,End\r\n";

void put_flow_csv_row(const FlowRecord& flow, std::string& out) {
    const FlowKey& key = flow.key;
    put_first_seen(flow.first_ns, out);
    out += ',';
    put_seconds(flow.last_ns > flow.first_ns ? flow.last_ns - flow.first_ns : 0, out);
    out += ',';
    const std::string_view protocol = protocol_name(key.proto);
    out += protocol.empty() ? std::to_string(key.proto) : std::string(protocol);
    out += ',';
    put_end(key, key.saddr, std::to_string(key.sport), out);
    out += ',';
    put_end(key, key.daddr, destination_port(key), out);
    out += ',';
    put_flags(flow.tcp_flags, out);
    for (const std::uint64_t number :
         {std::uint64_t{flow.tos}, flow.packets, flow.bytes, std::uint64_t{flow.flows}})
        out += ',' + std::to_string(number);
    out += key.egress ? ",egress," : ",ingress,";
    out += std::to_string(key.vlan) + ',' + text_of(flow.reason) + "\r\n";
}

namespace {

constexpr std::size_t rows_at_once = 1u << 16; // bytes

} // namespace

std::vector<std::string> FlowFiles::write() {
    if (waiting_.empty() && runs_.empty())
        return {};
    const std::string name = "flows-iter" + std::to_string(iteration_) + ".csv";
    dir_.store({from_.monitor, from_.window, iteration_},
               {{.name = name,
                 .text = std::string(flow_csv_header),
                 .rest = [this](const OutFile::Put& put) { put_rows(put); }}});
    ++iteration_;
    is_counted_ = true;
    forget();
    told_ = false;
    return {name};
}

void FlowFiles::put_rows(const OutFile::Put& put) const {
    std::string rows;
    runs_.for_each(waiting_, [&](const FlowRecord& flow) {
        put_flow_csv_row(flow, rows);
        if (rows.size() >= rows_at_once) {
            put(rows);
            rows.clear();
        }
    });
    put(rows);
}

void FlowFiles::forget() {
    waiting_.clear();
    runs_.clear();
}

void FlowFiles::make_room() {
    try {
        write();
    } catch (const Error& error) {
        throw SinkUnavailable(error);
    }
}

void FlowFiles::add(std::vector<FlowRecord> flows, const FlowWindow& from) {
    waiting_.insert(waiting_.end(), flows.begin(), flows.end());
    from_ = from;
    is_counted_ = false;
}

void FlowFiles::tell(const Error& error) {
    if (!std::exchange(told_, true))
        log::warn(std::string(error.what()) + ": the flows wait" +
                  (keeps_ ? "" : " in the kernel"));
}

void FlowFiles::give_up(const Error& error) {
    tell(error);
    forget();
    throw SinkUnavailable(error);
}

void FlowFiles::send_part() {
    try {
        runs_.add(std::move(waiting_));
        waiting_.clear();
    } catch (const Error& error) {
        give_up(error);
    }
}

std::vector<std::string> FlowFiles::send() {
    std::vector<std::string> files;
    try {
        files = write();
    } catch (const Error& error) {
        if (!keeps_)
            give_up(error);
        tell(error);
    }
    if (!std::exchange(is_counted_, true)) // a window takes a number, also without a file
        ++iteration_;
    return files;
}

void FlowFiles::close(bool is_saved) {
    try {
        write();
    } catch (Error& error) {
        const std::string flows = counted(waiting_.size(), "flow");
        error.during(is_saved ? "write the last " + flows : flows + " lost");
        if (!is_saved) // the window is gone from the kernel
            error.hint("make room first; with --state the next export has them");
        throw;
    }
}

} // namespace dynmon

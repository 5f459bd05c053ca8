// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include "base/error.hpp"
#include "export/collector.hpp"

namespace dynmon {

namespace {

constexpr std::string_view default_port = "4739";

bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5 ||
        !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return false;
    const int port = std::stoi(std::string(text));
    return port > 0 && port <= 65535;
}

} // namespace

CollectorAddress CollectorAddress::parse(std::string_view text, std::string_view option) {
    const auto refuse = [&](const std::string& fault) -> Error {
        return Error(ErrorKind::usage,
                     std::string(option) + " '" + std::string(text) + "': " + fault)
            .hint(
                "udp:HOST:PORT or tcp:HOST:PORT, an IPv6 address in brackets: udp:[fd00::1]:4739");
    };
    CollectorAddress address;
    std::string_view rest = text;
    if (!rest.starts_with("udp:") && !rest.starts_with("tcp:"))
        throw refuse("neither udp: nor tcp:");
    address.tcp = rest.starts_with("tcp:");
    rest.remove_prefix(4);
    if (rest.starts_with('[')) {
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos)
            throw refuse("a ] is missing");
        address.host = rest.substr(1, close - 1);
        rest.remove_prefix(close + 1);
        if (!rest.empty() && rest.front() != ':')
            throw refuse("a : is missing behind the ]");
    } else {
        const std::size_t colon = rest.find(':');
        if (colon != rest.rfind(':'))
            throw refuse("an IPv6 address has to be in brackets");
        address.host = rest.substr(0, colon);
        rest.remove_prefix(std::min(colon, rest.size()));
    }
    if (address.host.empty())
        throw refuse("no host");
    address.port = rest.empty() ? default_port : rest.substr(1);
    if (!is_port(address.port))
        throw refuse("'" + address.port + "' is not a port");
    return address;
}

std::string CollectorAddress::text() const {
    const bool brackets = host.find(':') != std::string::npos;
    return std::string(tcp ? "tcp:" : "udp:") + (brackets ? "[" + host + "]" : host) + ':' + port;
}

} // namespace dynmon

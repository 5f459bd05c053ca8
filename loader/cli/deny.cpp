#include "monitor/deny.hpp"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "kernel/clock.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t ns_per_second = 1'000'000'000;

// "9m58s", "2d3h": the two largest units.
std::string short_duration(std::uint64_t seconds) {
    constexpr std::pair<std::uint64_t, char> units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
    std::string text;
    for (const auto& [size, name] : units) {
        if (seconds >= size || !text.empty())
            text += std::to_string(seconds / size) + name;
        seconds %= size;
        if (std::count_if(text.begin(), text.end(), [](char c) { return c >= 'a'; }) == 2)
            return text;
    }
    return text + std::to_string(seconds) + "s";
}

std::string remaining_text(const Denied& entry, std::uint64_t now_ns) {
    if (entry.expires_ns == 0)
        return "for ever";
    if (entry.has_expired(now_ns))
        return "expired";
    return short_duration((entry.expires_ns - now_ns + ns_per_second - 1) / ns_per_second);
}

ordered_json expires_json(std::uint64_t expires_ns) {
    return expires_ns == 0 ? ordered_json() : ordered_json(iso_time(expires_ns));
}

ordered_json entry_json(const Denied& entry, std::uint64_t now_ns) {
    ordered_json remaining;
    if (entry.expires_ns != 0)
        remaining = entry.has_expired(now_ns)
                        ? 0.0
                        : static_cast<double>(entry.expires_ns - now_ns) / ns_per_second;
    return {{"prefix", entry.network.text()}, {"expires", expires_json(entry.expires_ns)},
            {"remaining-seconds", remaining}, {"expired", entry.has_expired(now_ns)},
            {"packets", entry.packets},       {"bytes", entry.bytes}};
}

ordered_json entries_json(const std::vector<Denied>& entries, std::uint64_t now_ns) {
    ordered_json list = ordered_json::array();
    for (const Denied& entry : entries)
        list.push_back(entry_json(entry, now_ns));
    return list;
}

std::string entries_table(const std::vector<Denied>& entries, std::uint64_t now_ns) {
    if (entries.empty())
        return "nothing is denied";
    std::size_t width = 6;
    for (const Denied& entry : entries)
        width = std::max(width, entry.network.text().size());
    std::ostringstream table;
    const auto row = [&](const auto& prefix, const auto& remaining, const auto& packets,
                         const auto& bytes) {
        table << std::left << std::setw(static_cast<int>(width)) << prefix << std::right << "  "
              << std::setw(9) << remaining << "  " << std::setw(10) << packets << "  "
              << std::setw(12) << bytes;
    };
    row("prefix", "remaining", "packets", "bytes");
    for (const Denied& entry : entries) {
        table << "\n";
        row(entry.network.text(), remaining_text(entry, now_ns), entry.packets, entry.bytes);
    }
    return table.str();
}

// Lines of prefixes; what follows a # is for people.
void read_prefixes(std::istream& lines, std::vector<std::string>& texts) {
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        for (std::string word; words >> word;)
            texts.push_back(word);
    }
}

std::string joined(const std::vector<Network>& networks) {
    constexpr std::size_t most = 8;
    std::string text;
    for (std::size_t i = 0; i < networks.size() && i < most; ++i)
        text += " " + networks[i].text();
    if (networks.size() > most)
        text += " and " + std::to_string(networks.size() - most) + " more";
    return text;
}

ordered_json texts_json(const std::vector<Network>& networks) {
    ordered_json list = ordered_json::array();
    for (const Network& network : networks)
        list.push_back(network.text());
    return list;
}

class DenyVerb : public Verb {
public:
    const char* name() const override { return "deny"; }
    const char* summary() const override {
        return "say whose packets a monitor drops, for how long, and see what it dropped";
    }
    const char* example() const override {
        return "sudo dynmon-load deny edge add 203.0.113.0/24 2001:db8::7 --for 10m\n"
               "  sudo dynmon-load deny edge add - < bad-prefixes.txt\n"
               "  sudo dynmon-load deny edge remove 2001:db8::7\n"
               "  sudo dynmon-load deny edge list\n"
               "  sudo dynmon-load deny edge purge\n\n"
               "Of several prefixes that an address lies in the longest that has not expired "
               "counts. Adding\n"
               "one again sets its time anew and keeps its counts. `purge` removes what has "
               "expired: it drops\n"
               "nothing any more, but takes room. All prefixes are looked at before any is "
               "written. A `replace`\n"
               "keeps the list only with --keep-maps.";
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", monitor_, "name of the monitor, such as one of the probe ssdp")
            ->required();
        app.add_option("ACTION", action_, "add, remove, list or purge")
            ->required()
            ->check(CLI::IsMember({"add", "remove", "list", "purge"}));
        app.add_option("PREFIX", texts_,
                       "IPv4 and IPv6 prefixes and addresses; -: from standard input, in lines");
        app.add_option("--for", for_, "add: deny so long, such as 10m or 1d; default: for ever")
            ->type_name("TIME");
    }

    int run(const Global& global) override {
        const std::vector<Network> networks = require_networks();
        const std::uint64_t expires_ns = expiry();
        DenyLists lists = during("deny '" + monitor_ + "'",
                                 [&] { return DenyLists::open(global.settings, monitor_); });
        drop_rights();
        if (action_ == "add")
            add(global, lists, networks, expires_ns);
        else if (action_ == "remove")
            remove(global, lists, networks);
        else if (action_ == "purge")
            purge(global, lists);
        else
            list(global, lists);
        return 0;
    }

private:
    std::vector<Network> require_networks() {
        const bool wanted = action_ == "add" || action_ == "remove";
        if (!wanted && !texts_.empty())
            throw Error(ErrorKind::usage, action_ + " takes no prefix").hint("it is for all");
        if (texts_ == std::vector<std::string>{"-"}) {
            texts_.clear();
            read_prefixes(std::cin, texts_);
        } else if (wanted && texts_.empty()) {
            throw Error(ErrorKind::usage, action_ + ": say which prefix")
                .hint("such as 10.0.0.0/8, fd00::/8, or - for standard input");
        }
        std::vector<Network> networks;
        for (const std::string& text : texts_)
            networks.push_back(Network::parse(text));
        return networks;
    }

    std::uint64_t expiry() const {
        if (for_.empty())
            return 0;
        if (action_ != "add")
            throw Error(ErrorKind::usage, "--for is for add");
        const auto length = static_cast<std::uint64_t>(parse_duration(for_, "--for").count());
        if (length == 0)
            throw Error(ErrorKind::usage, "--for must be longer than 0")
                .hint("without --for it is for ever");
        return epoch_ns() + length;
    }

    void add(const Global& global, DenyLists& lists, const std::vector<Network>& networks,
             std::uint64_t expires_ns) const {
        std::vector<Network> added;
        std::vector<Network> renewed;
        for (const Network& network : networks)
            lists.list_for(network); // each has one, or nothing is written
        for (const Network& network : networks) {
            DenyList& list = lists.list_for(network);
            (list.networks().count(network) == 1 ? renewed : added).push_back(network);
            during("deny '" + monitor_ + "': add " + network.text(),
                   [&] { list.add(network, expires_ns); });
        }
        const std::string until = expires_ns == 0 ? "for ever" : "until " + iso_time(expires_ns);
        print_result(global,
                     {{"monitor", monitor_},
                      {"added", texts_json(added)},
                      {"renewed", texts_json(renewed)},
                      {"expires", expires_json(expires_ns)}},
                     networks.empty() ? "no prefix was named: nothing is denied anew"
                                      : monitor_ + " denies" + joined(networks) + " " + until);
    }

    void remove(const Global& global, DenyLists& lists,
                const std::vector<Network>& networks) const {
        for (const Network& network : networks)
            require_denied(lists, network);
        for (const Network& network : networks)
            lists.list_for(network).remove(network);
        print_result(global, {{"monitor", monitor_}, {"removed", texts_json(networks)}},
                     networks.empty() ? "no prefix was named: all stay denied that were"
                                      : monitor_ + " no longer denies" + joined(networks));
    }

    void require_denied(DenyLists& lists, const Network& network) const {
        if (lists.list_for(network).networks().count(network) == 1)
            return;
        Error error(ErrorKind::usage, network.text() + " is not on the deny list of '" + monitor_ +
                                          "'; nothing was removed");
        for (const Denied& other : lists.entries())
            if (other.network.contains(network))
                error.hint("it lies in " + other.network.text() + ", which is");
        throw error;
    }

    void list(const Global& global, const DenyLists& lists) const {
        const std::uint64_t now_ns = epoch_ns();
        const std::vector<Denied> entries = lists.entries();
        print_result(global, {{"monitor", monitor_}, {"entries", entries_json(entries, now_ns)}},
                     entries_table(entries, now_ns));
    }

    void purge(const Global& global, DenyLists& lists) const {
        const std::uint64_t now_ns = epoch_ns();
        const std::vector<Denied> purged = lists.purge(now_ns);
        print_result(global, {{"monitor", monitor_}, {"purged", entries_json(purged, now_ns)}},
                     purged.empty() ? "nothing has expired"
                                    : "removed\n" + entries_table(purged, now_ns));
    }

    std::string monitor_;
    std::string action_;
    std::vector<std::string> texts_;
    std::string for_;
};

} // namespace

std::unique_ptr<Verb> make_deny_verb() {
    return std::make_unique<DenyVerb>();
}

} // namespace dynmon

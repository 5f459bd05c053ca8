// SPDX-License-Identifier: BSD-2-Clause
#include "control/deny.hpp"

#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <utility>

#include <pwd.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/map_argument.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/rounds.hpp"
#include "cli/verb.hpp"
#include "control/reports.hpp"
#include "kernel/clock.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t ns_per_second = 1'000'000'000;
constexpr const char* no_prefix = "there was no prefix on standard input";

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

std::string remaining_text(const Listed& entry, std::uint64_t now_ns) {
    if (entry.expires_ns == 0)
        return "for ever";
    if (entry.has_expired(now_ns))
        return "expired";
    return short_duration((entry.expires_ns - now_ns + ns_per_second - 1) / ns_per_second);
}

std::string entries_table(const std::vector<Listed>& entries, std::uint64_t now_ns) {
    std::vector<std::vector<std::string>> rows{
        {"id", "prefix", "action", "remaining", "packets", "bytes", "source", "reason"}};
    for (const Listed& entry : entries)
        rows.push_back({std::to_string(entry.id), entry.network.text(), action_word(entry.action),
                        remaining_text(entry, now_ns), std::to_string(entry.packets),
                        std::to_string(entry.bytes), printable_line(entry.source),
                        printable_line(entry.reason)});
    const auto is_text = [](std::size_t column) {
        return column == 1 || column == 2 || column >= 6;
    };
    std::vector<std::size_t> widths(rows.front().size());
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::ostringstream table;
    for (const auto& row : rows) {
        table << (&row == &rows.front() ? "" : "\n");
        for (std::size_t i = 0; i < row.size(); ++i) {
            table << (i == 0 ? "" : "  ");
            if (i + 1 == row.size())
                table << row[i];
            else
                table << (is_text(i) ? std::left : std::right)
                      << std::setw(static_cast<int>(widths[i])) << row[i];
        }
    }
    return table.str();
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

// The user who calls, also behind sudo.
std::string caller() {
    if (const char* name = std::getenv("SUDO_USER"); name != nullptr && *name != 0)
        return "user " + std::string(name);
    const uid_t uid = ::getuid();
    const passwd* entry = ::getpwuid(uid);
    return entry != nullptr ? "user " + std::string(entry->pw_name) : "uid " + std::to_string(uid);
}

bool is_number(const std::string& text) {
    return !text.empty() && text.size() < 19 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// `deny` and `allow`: the same actions on two kinds of lists.
class ListVerb : public Verb {
public:
    explicit ListVerb(ListKind kind) : kind_(kind) {}

    const char* name() const override { return to_string(kind_); }
    const char* summary() const override {
        return denies() ? "say whose packets a monitor drops, for how long, and see what it dropped"
                        : "say whose packets a monitor never drops, whatever its deny list says";
    }
    const char* example() const override {
        if (!denies())
            return "sudo dynmon-load allow edge add 198.51.100.7 --reason 'our own monitoring'\n"
                   "  sudo dynmon-load allow edge list\n"
                   "  sudo dynmon-load allow edge remove 198.51.100.7\n\n"
                   "An address on the allow list is never dropped, however long the denied prefix "
                   "is and\nwhichever of the two was added first.";
        return "sudo dynmon-load deny edge add 203.0.113.0/24 2001:db8::7 --for 10m "
               "--reason 'ticket 42'\n"
               "  sudo dynmon-load deny edge add --dry-run 198.51.100.0/24\n"
               "  sudo dynmon-load deny edge add - < bad-prefixes.txt\n"
               "  sudo dynmon-load deny edge remove 2001:db8::7\n"
               "  sudo dynmon-load deny edge list\n"
               "  sudo dynmon-load deny edge purge\n\n"
               "If an address lies in several prefixes, the longest that has not expired counts. "
               "A dry run\n"
               "counts what it would drop and drops nothing. Adding an entry again changes its "
               "time and action\n"
               "and keeps its number and its counts. On standard input, the text behind a # is the "
               "reason.\n"
               "`add` adds all or nothing. `purge` removes what has expired: it drops nothing any "
               "more, but\n"
               "takes room. A `replace` keeps the list only with --keep-maps.";
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", monitor_, "name of the monitor, such as one of the probe ssdp")
            ->required();
        app.add_option("ACTION", action_, "add, remove, list or purge")
            ->required()
            ->check(CLI::IsMember({"add", "remove", "list", "purge"}));
        app.add_option("PREFIX", texts_,
                       "IPv4 and IPv6 prefixes and addresses, to remove also numbers of entries; "
                       "-: from standard input, in lines");
        app.add_option("--for", for_,
                       "add: the entry ends after that time, such as 10m or 1d; default: never")
            ->type_name("TIME");
        app.add_option("--reason", reason_, "add: why; at most 63 bytes are kept")
            ->type_name("TEXT");
        app.add_option(
               "--source", source_,
               "add: the user or program that adds it; default: the user who calls; at most "
               "31 bytes are kept")
            ->type_name("TEXT");
        if (!denies())
            return;
        app.add_flag("--dry-run", dry_run_, "add: count what would be dropped, and drop nothing");
        app.add_flag("--force", force_,
                     "add: also 0.0.0.0/0, ::/0, own addresses, gateways and resolvers");
    }

    int run(const Global& global) override {
        const std::vector<Word> words = require_words();
        const std::vector<Addition> additions =
            action_ == "add" ? parse(words) : std::vector<Addition>{};
        require_options_of_add();
        const std::uint64_t expires_ns = expiry();
        const std::string step = std::string(to_string(kind_)) + " '" + monitor_ + "'";
        const auto access =
            action_ == "list" ? PrefixLists::Access::look : PrefixLists::Access::write;
        PrefixLists lists = during(
            step, [&] { return PrefixLists::open(global.settings, monitor_, kind_, access); });
        if (denies() && !force_ && !dry_run_ && !additions.empty())
            during(step, [&] { lists.require_harmless(additions); });
        if (action_ == "add" && source_.empty())
            source_ = caller();
        stay_nobody();
        lists.read();
        if (action_ == "add")
            during(step, [&] { add(global, lists, additions, expires_ns); });
        else if (action_ == "remove")
            remove(global, lists, words);
        else if (action_ == "purge")
            purge(global, lists);
        else
            list(global, lists);
        return 0;
    }

private:
    bool denies() const { return kind_ == ListKind::deny; }

    std::vector<Word> require_words() {
        const bool wanted = action_ == "add" || action_ == "remove";
        if (!wanted && !texts_.empty())
            throw Error(ErrorKind::usage, action_ + " takes no prefix").hint("it is for all");
        if (wanted && texts_.empty())
            throw Error(ErrorKind::usage, action_ + ": say which prefix")
                .hint("such as 10.0.0.0/8, fd00::/8, or - for standard input");
        std::vector<Word> words;
        if (texts_ == std::vector<std::string>{"-"})
            read_words(std::cin, words);
        else
            for (const std::string& text : texts_)
                words.push_back({text, ""});
        return words;
    }

    std::vector<Addition> parse(const std::vector<Word>& words) const {
        std::vector<Addition> additions;
        for (const Word& word : words)
            additions.push_back(
                {Network::parse(word.text), word.reason.empty() ? reason_ : word.reason});
        return additions;
    }

    void require_options_of_add() const {
        if (action_ == "add")
            return;
        for (const auto& [given, option] :
             {std::pair{!for_.empty(), "--for"}, std::pair{!reason_.empty(), "--reason"},
              std::pair{!source_.empty(), "--source"}, std::pair{dry_run_, "--dry-run"},
              std::pair{force_, "--force"}})
            if (given)
                throw Error(ErrorKind::usage, std::string(option) + " is for add");
    }

    std::uint64_t expiry() const {
        if (for_.empty())
            return 0;
        const auto length = static_cast<std::uint64_t>(parse_duration(for_, "--for").count());
        if (length == 0)
            throw Error(ErrorKind::usage, "--for must be longer than 0")
                .hint("leave it out for an entry that does not end");
        return epoch_ns() + length;
    }

    void add(const Global& global, PrefixLists& lists, const std::vector<Addition>& additions,
             std::uint64_t expires_ns) const {
        const Additions done = lists.add(additions, {expires_ns, dry_run_, source_});
        std::vector<Network> all = done.added;
        all.insert(all.end(), done.renewed.begin(), done.renewed.end());
        std::sort(all.begin(), all.end());
        const std::string until = expires_ns == 0 ? "for ever" : "until " + iso_time(expires_ns);
        const std::string verb = dry_run_ ? " would deny" : denies() ? " denies" : " allows";
        print_result(global,
                     {{"monitor", monitor_},
                      {"added", networks_json(done.added)},
                      {"renewed", networks_json(done.renewed)},
                      {"dry-run", dry_run_},
                      {"expires", expires_json(expires_ns)}},
                     all.empty() ? no_prefix : monitor_ + verb + joined(all) + " " + until);
    }

    std::vector<Network> named(const PrefixLists& lists, const std::vector<Word>& words) const {
        std::vector<Network> networks;
        const std::vector<Listed> entries = lists.entries();
        for (const Word& word : words) {
            if (!is_number(word.text)) {
                networks.push_back(Network::parse(word.text));
                continue;
            }
            const auto found = std::find_if(entries.begin(), entries.end(), [&](const Listed& e) {
                return std::to_string(e.id) == word.text;
            });
            if (found == entries.end())
                throw Error(ErrorKind::usage, "no entry " + word.text + " is on the " + name() +
                                                  " list of '" + monitor_ +
                                                  "'; nothing was removed")
                    .hint("see the numbers with `" + std::string(name()) + " " + monitor_ +
                          " list`");
            networks.push_back(found->network);
        }
        return networks;
    }

    void remove(const Global& global, PrefixLists& lists, const std::vector<Word>& words) const {
        const std::vector<Network> networks = named(lists, words);
        lists.remove(networks);
        const std::string verb = denies() ? " no longer denies" : " no longer allows";
        print_result(global, {{"monitor", monitor_}, {"removed", networks_json(networks)}},
                     networks.empty() ? no_prefix : monitor_ + verb + joined(networks));
    }

    void list(const Global& global, const PrefixLists& lists) const {
        const std::uint64_t now_ns = epoch_ns();
        const std::vector<Listed> entries = lists.entries();
        const std::string none = denies() ? "nothing is denied" : "nothing is allowed";
        print_result(global, {{"monitor", monitor_}, {"entries", entries_json(entries, now_ns)}},
                     entries.empty() ? none : entries_table(entries, now_ns));
    }

    void purge(const Global& global, PrefixLists& lists) const {
        const std::uint64_t now_ns = epoch_ns();
        const std::vector<Listed> purged = lists.purge(now_ns);
        print_result(global, {{"monitor", monitor_}, {"purged", entries_json(purged, now_ns)}},
                     purged.empty() ? "nothing has expired"
                                    : "removed\n" + entries_table(purged, now_ns));
    }

    const ListKind kind_;
    std::string monitor_;
    std::string action_;
    std::vector<std::string> texts_;
    std::string for_;
    std::string reason_;
    std::string source_;
    bool dry_run_ = false;
    bool force_ = false;
};

} // namespace

std::unique_ptr<Verb> make_deny_verb() {
    return std::make_unique<ListVerb>(ListKind::deny);
}

std::unique_ptr<Verb> make_allow_verb() {
    return std::make_unique<ListVerb>(ListKind::allow);
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
#include "serve/firewall.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "control/deny.hpp"
#include "kernel/clock.hpp"

namespace dynmon::serve {

namespace {

using Rules = nlohmann::ordered_json;

constexpr const char* ingress_chain = "INGRESS";
constexpr const char* known_fields[] = {"operation", "src", "action", "description"};

struct RuleChanges {
    std::vector<Addition> add;
    std::vector<Network> remove;
};

void require_chain(const std::string& chain) {
    if (chain != ingress_chain && chain != "EGRESS")
        throw HttpError(404, "there is no chain '" + chain + "'", "path", "INGRESS or EGRESS");
}

std::string word_of(const Rules& rule, const char* name, const std::string& at) {
    const auto found = rule.find(name);
    if (found == rule.end())
        return "";
    if (!found->is_string())
        throw HttpError(400, std::string("'") + name + "' is no text", at + "/" + name);
    return found->get<std::string>();
}

void read_rule(const Rules& rule, const std::string& at, std::array<RuleChanges, 2>& changes) {
    if (!rule.is_object())
        throw HttpError(400, "a rule is a JSON object", at);
    for (const auto& [name, value] : rule.items())
        if (std::find(std::begin(known_fields), std::end(known_fields), name) ==
            std::end(known_fields))
            throw HttpError(400, "a rule cannot have '" + name + "' here", at + "/" + name,
                            "a rule drops or forwards all packets from 'src'");
    const std::string operation = word_of(rule, "operation", at);
    const std::string action = word_of(rule, "action", at);
    const std::string from = word_of(rule, "src", at);
    if (operation != "append" && operation != "insert" && operation != "delete")
        throw HttpError(400, "'" + operation + "' is no operation here", at + "/operation",
                        "append, insert or delete");
    if (!action.empty() && action != "drop" && action != "forward")
        throw HttpError(400, "'" + action + "' is no action", at + "/action", "drop or forward");
    if (from.empty())
        throw HttpError(400, "'src' is missing", at + "/src", "such as 203.0.113.0/24");
    RuleChanges& list = changes[action == "forward" ? 1 : 0];
    try {
        const Network network = Network::parse(from);
        if (operation == "delete")
            list.remove.push_back(network);
        else
            list.add.push_back({network, word_of(rule, "description", at)});
    } catch (const Error& error) {
        throw HttpError(400, error.what(), at + "/src", error.hint());
    }
}

// By kind: deny, allow.
std::array<RuleChanges, 2> read_rules(const std::string& body) {
    const Rules document = Rules::parse(body, nullptr, false);
    if (!document.is_object() || !document.contains("rules") || !document.at("rules").is_array())
        throw HttpError(400, "the body has no list 'rules'", "/rules");
    std::array<RuleChanges, 2> changes;
    std::size_t index = 0;
    for (const Rules& rule : document.at("rules"))
        read_rule(rule, "/rules/" + std::to_string(index++), changes);
    return changes;
}

PrefixLists opened(const Settings& settings, const std::string& monitor, ListKind kind,
                   PrefixLists::Access access) {
    PrefixLists lists = PrefixLists::open(settings, monitor, kind, access);
    lists.read();
    return lists;
}

void require_there(const Settings& settings, const std::string& monitor, ListKind kind,
                   const std::vector<Network>& networks) {
    if (networks.empty())
        return;
    const std::vector<Listed> entries =
        opened(settings, monitor, kind, PrefixLists::Access::look).entries();
    for (const Network& network : networks)
        if (std::none_of(entries.begin(), entries.end(),
                         [&](const Listed& entry) { return entry.network == network; }))
            throw HttpError(400, "there is no rule for " + network.text(), "/rules");
}

// Returns what was not there before.
std::vector<Network> add(const Settings& settings, const std::string& monitor, ListKind kind,
                         const std::vector<Addition>& additions, const std::string& source) {
    if (additions.empty())
        return {};
    PrefixLists lists = opened(settings, monitor, kind, PrefixLists::Access::write);
    if (kind == ListKind::deny)
        lists.require_harmless(additions);
    Terms terms;
    terms.source = source;
    return lists.add(additions, terms).added;
}

void remove(const Settings& settings, const std::string& monitor, ListKind kind,
            const std::vector<Network>& networks) {
    if (!networks.empty())
        opened(settings, monitor, kind, PrefixLists::Access::write).remove(networks);
}

void append_rules(const Settings& settings, const std::string& monitor, ListKind kind,
                  Rules& rules) {
    for (const Listed& entry : opened(settings, monitor, kind, PrefixLists::Access::look).entries())
        if (!entry.has_expired(epoch_ns()))
            rules.push_back({{"id", rules.size()},
                             {"src", entry.network.text()},
                             {"action", kind == ListKind::deny ? "drop" : "forward"},
                             {"description", entry.reason}});
}

} // namespace

void change_rules(const Settings& settings, const std::string& monitor, const std::string& chain,
                  const std::string& body, const std::string& source) {
    require_chain(chain);
    if (chain != ingress_chain)
        throw HttpError(400, "only packets that come in can be dropped", "path", "INGRESS");
    const auto [deny, allow] = read_rules(body);
    require_there(settings, monitor, ListKind::deny, deny.remove);
    require_there(settings, monitor, ListKind::allow, allow.remove);
    // The list that lets packets through first: no packet is dropped that the batch wants
    // forwarded.
    const std::vector<Network> allowed = add(settings, monitor, ListKind::allow, allow.add, source);
    try {
        add(settings, monitor, ListKind::deny, deny.add, source);
    } catch (const Error&) {
        remove(settings, monitor, ListKind::allow, allowed);
        throw;
    }
    remove(settings, monitor, ListKind::deny, deny.remove);
    remove(settings, monitor, ListKind::allow, allow.remove);
}

Reply show_rules(const Settings& settings, const std::string& monitor, const std::string& chain) {
    require_chain(chain);
    Rules rules = Rules::array();
    if (chain == ingress_chain) {
        append_rules(settings, monitor, ListKind::allow, rules);
        append_rules(settings, monitor, ListKind::deny, rules);
    }
    const std::string where = "/polycube/v1/firewall/" + monitor + "/chain/" + chain + "/rule";
    const Rules self = {{"rel", "self"}, {"href", where}};
    rules.push_back(Rules::array({"_links", Rules::array({self})}));
    return {.text = json_text(rules)};
}

} // namespace dynmon::serve

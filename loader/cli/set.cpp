// SPDX-License-Identifier: BSD-2-Clause
#include "base/error.hpp"
#include "cli/report.hpp"
#include "cli/rounds.hpp"
#include "cli/verb.hpp"
#include "control/entry.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

class SetVerb : public Verb {
public:
    const char* name() const override { return "set"; }
    const char* summary() const override {
        return "write an entry of a map that a monitor's programs look into";
    }
    const char* example() const override {
        return "sudo dynmon-load set edge/PORTS 9999 WATCH\n"
               "  sudo dynmon-load set edge/DENY_IPV4 10.0.0.0/8 prefixlen=8,expires=now+10m\n\n"
               "KEY and VALUE are written as they are printed and as conditions have them; of a "
               "struct as\n"
               "field=value,field=value. Fields of the value that are not named stay as they are, "
               "or are 0 in\n"
               "a new entry. What programs write to the entry at the same moment is lost.";
    }

    void declare(CLI::App& app) override {
        app.add_option("MAP", map_, "MONITOR/MAP: a hash, array or trie")->required();
        app.add_option("KEY", key_, "of an array the index")->required();
        app.add_option("VALUE", value_, "what is to be there")->required();
    }

    int run(const Global& global) override {
        const Entry entry = during("set " + map_, [&] {
            const EntryMap map = EntryMap::open(global.settings, map_);
            stay_nobody();
            return map.set(key_, value_);
        });
        print_result(global,
                     {{"map", map_},
                      {"key", ordered_json::parse(entry.key)},
                      {"value", ordered_json::parse(entry.value)},
                      {"was", entry.was ? ordered_json::parse(*entry.was) : ordered_json()}},
                     map_ + " " + entry.key + " is " + entry.value +
                         (entry.was ? ", was " + *entry.was : ""));
        return 0;
    }

private:
    std::string map_;
    std::string key_;
    std::string value_;
};

class DeleteVerb : public Verb {
public:
    const char* name() const override { return "delete"; }
    const char* summary() const override { return "remove an entry of a map of a monitor"; }
    const char* example() const override { return "sudo dynmon-load delete edge/PORTS 9999"; }

    void declare(CLI::App& app) override {
        app.add_option("MAP", map_, "MONITOR/MAP: a hash or trie")->required();
        app.add_option("KEY", key_, "as it is printed; of a struct field=value,…")->required();
    }

    int run(const Global& global) override {
        const Entry entry = during("delete " + map_, [&] {
            const EntryMap map = EntryMap::open(global.settings, map_);
            stay_nobody();
            return map.remove(key_);
        });
        print_result(global,
                     {{"map", map_},
                      {"key", ordered_json::parse(entry.key)},
                      {"was", ordered_json::parse(*entry.was)}},
                     map_ + " has no " + entry.key + " any more, it was " + *entry.was);
        return 0;
    }

private:
    std::string map_;
    std::string key_;
};

} // namespace

std::unique_ptr<Verb> make_set_verb() {
    return std::make_unique<SetVerb>();
}

std::unique_ptr<Verb> make_delete_verb() {
    return std::make_unique<DeleteVerb>();
}

} // namespace dynmon

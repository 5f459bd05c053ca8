#include "monitor/deny.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "monitor/roster.hpp"

namespace dynmon {

namespace {

const char* family(bool ipv4) {
    return ipv4 ? "IPv4" : "IPv6";
}

} // namespace

DenyLists DenyLists::open(const Settings& settings, const std::string& monitor) {
    const Store store = settings.open_store(false);
    const auto lock = store.try_lock(DirectoryLock::Mode::shared); // until the pins are open
    store.require_monitor(monitor);
    const GenerationDir dir = current_generation(store, monitor);
    DenyLists lists;
    lists.monitor_ = monitor;
    for (const MapRecord& map : dir.read_record().maps) {
        // Of a swapped map half of the programs would not see what is written.
        if (map.type != BPF_MAP_TYPE_LPM_TRIE || map.swapped)
            continue;
        auto list = DenyList::from(
            {dir.open_map(map, Side::a), dir.map_path(map, Side::a), map.name}, map.name);
        if (!list)
            continue;
        for (const DenyList& other : lists.lists_)
            if (other.ipv4() == list->ipv4())
                throw Error(ErrorKind::usage, "monitor '" + monitor + "' has two deny lists for " +
                                                  family(list->ipv4()) + ": " + other.name() +
                                                  " and " + list->name());
        lists.lists_.push_back(std::move(*list));
    }
    if (lists.lists_.empty())
        throw Error(ErrorKind::usage, "monitor '" + monitor + "' has no deny list")
            .hint("a list is an LPM trie of prefixes whose value has a `dynmon_time_ns_t expires`; "
                  "the probe 'ssdp' has two");
    return lists;
}

DenyList& DenyLists::list_for(const Network& network) {
    for (DenyList& list : lists_)
        if (list.ipv4() == network.ipv4)
            return list;
    throw Error(ErrorKind::usage, "'" + network.text() + "': monitor '" + monitor_ +
                                      "' has no deny list for " + family(network.ipv4));
}

std::vector<Denied> DenyLists::entries() const {
    std::vector<Denied> entries;
    for (const DenyList& list : lists_) {
        const std::vector<Denied> some = list.entries();
        entries.insert(entries.end(), some.begin(), some.end());
    }
    std::sort(entries.begin(), entries.end(),
              [](const Denied& a, const Denied& b) { return a.network < b.network; });
    return entries;
}

// One that is prolonged in this very moment by somebody else may go all the same: the kernel has
// no call that removes an entry only if it is what one has seen.
std::vector<Denied> DenyLists::purge(std::uint64_t now_ns) {
    std::vector<Denied> purged;
    for (const Denied& entry : entries())
        if (entry.has_expired(now_ns) && list_for(entry.network).remove(entry.network))
            purged.push_back(entry);
    return purged;
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// ns a packet of the deny list of `ssdp`, by how many lengths of prefixes it has and by sender;
// and of one look-up in a hash and in a trie.
#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "control/deny.hpp"
#include "frames.hpp"
#include "kernel/bpf.hpp"
#include "measure.hpp"
#include "sources.skel.h"
#include "test_run.hpp"

namespace bench {

namespace {

using namespace dynmon;

constexpr std::uint32_t addresses = 16384;
constexpr std::uint32_t prefixes = 16384;
constexpr int pool_size = sizeof(sources_bpf::sources_bpf__bss::sources) / sizeof(Address);

using Pool = std::vector<Address>; // the senders, in turns

// Addresses and prefixes that are the same in every run.
class Chance {
public:
    explicit Chance(bool ipv4) : ipv4_(ipv4) {}

    Address address() {
        Address bytes{};
        for (std::size_t i = 0; i < size(); ++i)
            bytes[i] = static_cast<std::uint8_t>(random_());
        if (!ipv4_)
            bytes[0] = 0x20 | (bytes[0] & 0x1f); // 2000::/3
        return bytes;
    }

    Network prefix(std::uint32_t length) { return prefix_of(address(), length); }

    Network prefix_of(const Address& bytes, std::uint32_t length) const {
        return {ipv4_, Prefix::of(bytes.data(), size(), length)};
    }

    Address address_in(const Network& network) {
        Address bytes = address();
        for (std::uint32_t bit = 0; bit < network.prefix.length; ++bit) {
            const auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
            std::uint8_t& byte = bytes[bit / 8];
            byte = static_cast<std::uint8_t>((byte & ~mask) |
                                             (network.prefix.address[bit / 8] & mask));
        }
        return bytes;
    }

    template <typename List>
    const auto& one_of(const List& list) {
        return list[random_() % list.size()];
    }

private:
    std::size_t size() const { return ipv4_ ? 4 : 16; }

    const bool ipv4_;
    std::mt19937 random_{1};
};

// `wanted` different ones; their lengths go down from `longest`.
std::vector<Network> choose(Chance& chance, std::uint32_t wanted, std::uint32_t longest,
                            std::uint32_t lengths) {
    std::set<Network> seen;
    std::vector<Network> chosen;
    while (chosen.size() < wanted) {
        const auto turn = static_cast<std::uint32_t>(chosen.size()) % lengths;
        const Network network = chance.prefix(longest - turn);
        if (seen.insert(network).second)
            chosen.push_back(network);
    }
    return chosen;
}

// A list as `dynmon-load deny` fills it.
struct Denied {
    std::uint32_t lengths = 0; // of the prefixes; the addresses are one more
    std::vector<Network> networks{};
    LoadedGeneration loaded{};
};

class DenyBench {
public:
    DenyBench(const Setup& setup, Results& results, bool ipv4, sources_bpf& own)
        : ipv4_(ipv4), section_(ipv4 ? "deny list, IPv4" : "deny list, IPv6"), results_(results),
          setup_(setup), own_(own), chance_(ipv4), pivot_(load_pivot(true, false)),
          probe_(open_probe(setup.probes + "/ssdp")),
          exact_(choose(chance_, addresses, ipv4 ? 32 : 128, 1)) {
        none_.loaded = load(addresses);
        for (const std::uint32_t lengths : {0, 1, 9, 20})
            add_list(lengths);
        choose_strangers();
        compare_maps();
        compare_lists();
    }

    void run() {
        // Each next to what it is compared with, so that what slows the machine slows both.
        for (std::size_t round = 0; round < setup_.rounds; ++round) {
            empty_->samples.push_back(ns(*strangers_, to_next(), &none_));
            for (const Compared& compared : compared_) {
                const double without = ns(*compared.pool, compared.without_program, &none_);
                const double with = ns(*compared.pool, compared.program, compared.list);
                compared.over->samples.push_back(with - without);
            }
        }
    }

private:
    struct Compared {
        Figure* over;
        const Pool* pool;
        int program, without_program;
        const Denied* list;
    };

    int to_next() const { return bpf_program__fd(own_.progs.to_next); }

    LoadedGeneration load(std::size_t room) {
        return load_ingress(probe_, pivot_, true, {"deny_max=" + std::to_string(room)});
    }

    void add_list(std::uint32_t lengths) {
        Denied& list = lists_.emplace_back(Denied{.lengths = lengths});
        const std::uint32_t nine = 9;
        const std::uint32_t longest = !ipv4_ ? 64 : lengths > nine ? 31 : 24;
        if (lengths > 0)
            list.networks = choose(chance_, prefixes, longest, lengths);
        std::vector<Network> all = exact_;
        all.insert(all.end(), list.networks.begin(), list.networks.end());
        list.loaded = load(all.size());
        const GenerationRecord& record = list.loaded.record;
        const std::string folder = "/sys/fs/bpf/deny-" + std::string(ipv4_ ? "ipv4-" : "ipv6-") +
                                   std::to_string(lengths) + "/" + record.monitor;
        const GenerationDir dir = generation_dir(folder, record.number);
        std::filesystem::create_directories(dir.path());
        for (const MapRecord& map : record.maps)
            pin(list.loaded.maps.at({map.name, Side::a}), dir.map_path(map, Side::a));
        auto entries =
            PrefixList::open(dir, record, *record.map(ipv4_ ? "DENY_IPV4" : "DENY_IPV6"));
        if (!entries || entries->room() != all.size())
            throw std::runtime_error("the deny list is not as the benchmark expects it");
        std::uint64_t id = entries->next_id();
        for (const Network& network : all)
            entries->put({.network = network, .id = id++, .source = "bench", .reason = "none"});
        entries->sync(id);
    }

    // Whom no list denies, so that one pool serves them all.
    void choose_strangers() {
        std::set<Network> all(exact_.begin(), exact_.end());
        std::set<std::uint32_t> lengths{ipv4_ ? 32u : 128u};
        for (const Denied& list : lists_)
            for (const Network& network : list.networks) {
                all.insert(network);
                lengths.insert(network.prefix.length);
            }
        strangers_ = &pool([&] {
            for (;;) {
                const Address address = chance_.address();
                if (std::none_of(lengths.begin(), lengths.end(), [&](std::uint32_t length) {
                        return all.count(chance_.prefix_of(address, length)) > 0;
                    }))
                    return address;
            }
        });
    }

    template <typename Next>
    const Pool& pool(Next&& next) {
        Pool& made = pools_.emplace_back(pool_size);
        std::generate(made.begin(), made.end(), next);
        return made;
    }

    const Pool& members(const std::vector<Network>& networks) {
        return pool([&] { return chance_.address_in(chance_.one_of(networks)); });
    }

    void compare_maps() {
        known_ = &members(exact_);
        for (bpf_map* map : {ipv4_ ? own_.maps.HASH_IPV4 : own_.maps.HASH_IPV6,
                             ipv4_ ? own_.maps.TRIE_IPV4 : own_.maps.TRIE_IPV6}) {
            const Fd fd(::fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3));
            for (const Network& network : exact_) {
                std::uint8_t key[sizeof(std::uint32_t) + sizeof(Address)];
                std::memcpy(key, &network.prefix.length, sizeof(std::uint32_t));
                std::memcpy(key + sizeof(std::uint32_t), network.prefix.address.data(),
                            sizeof(Address));
                const std::uint64_t value = 0;
                update_element(fd, key, &value);
            }
        }
        empty_ = &results_.figure(section_, "ssdp, empty lists", unit);
        const int to_nothing = bpf_program__fd(own_.progs.to_nothing);
        const auto add = [&](const char* name, bpf_program* program) {
            for (const auto& [who, pool, verdict] :
                 {Sender{"not on it", strangers_, XDP_PASS}, Sender{"on it", known_, XDP_DROP}})
                compare(std::string(name) + ", " + who, *pool, bpf_program__fd(program), to_nothing,
                        nullptr, verdict);
        };
        add("a hash alone", own_.progs.to_hash);
        add("a trie alone", own_.progs.to_trie);
    }

    void compare_lists() {
        for (const Denied& list : lists_) {
            const std::string name = list.lengths == 0
                                         ? "addresses only, "
                                         : std::to_string(list.lengths) +
                                               (list.lengths == 1 ? " length, " : " lengths, ");
            std::vector<Sender> senders{{"not denied", strangers_, XDP_PASS},
                                        {"denied address", known_, XDP_DROP}};
            if (list.lengths > 0)
                senders.push_back({"denied prefix", &members(list.networks), XDP_DROP});
            for (const auto& [who, pool, verdict] : senders)
                compare(name + who, *pool, to_next(), to_next(), &list, verdict);
        }
    }

    struct Sender {
        const char* name;
        const Pool* pool;
        std::uint32_t verdict;
    };

    void compare(const std::string& name, const Pool& pool, int program, int without_program,
                 const Denied* list, std::uint32_t verdict) {
        Figure& over = results_.figure(section_, name + ": adds", unit);
        compared_.push_back({&over, &pool, program, without_program, list});
        put(pool, list);
        constexpr int tried = 1000;
        for (int i = 0; i < tried; ++i)
            if (verdict_of(program) != verdict)
                throw std::runtime_error("'" + name + "' is not treated as it should be");
    }

    // The senders, and what is behind `to_next`.
    void put(const Pool& pool, const Denied* list) {
        std::memcpy(own_.bss->sources, pool.data(), pool.size() * sizeof(Address));
        own_.bss->turn = 0;
        if (!list)
            return;
        const std::uint32_t only = 0;
        const int program = program_of(list->loaded);
        if (bpf_map_update_elem(bpf_map__fd(own_.maps.NEXT), &only, &program, BPF_ANY) != 0)
            throw std::runtime_error("put the program behind the sources");
    }

    double ns(const Pool& pool, int program, const Denied* list) {
        put(pool, list);
        ns_per_run(program, frame_, pool_size); // what a flood keeps in the cache
        return ns_per_run(program, frame_, 4 * pool_size);
    }

    std::uint32_t verdict_of(int program) const {
        Bytes out(frame_.size());
        LIBBPF_OPTS(bpf_test_run_opts, options);
        options.data_in = frame_.data();
        options.data_size_in = static_cast<__u32>(frame_.size());
        options.data_out = out.data();
        options.data_size_out = static_cast<__u32>(out.size());
        if (bpf_prog_test_run_opts(program, &options) != 0)
            throw std::runtime_error("BPF_PROG_TEST_RUN fails");
        return options.retval;
    }

    static constexpr const char* unit = "ns/packet";
    const bool ipv4_;
    const std::string section_;
    Results& results_;
    const Setup& setup_;
    sources_bpf& own_;
    Chance chance_;
    const Pivot pivot_;
    const Probe probe_;
    const Bytes frame_ = ipv4_ ? ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(64))))
                               : ethernet(ETH_P_IPV6, ipv6({}, tcp({}, payload(64))));
    const std::vector<Network> exact_;
    Denied none_;
    std::deque<Denied> lists_;
    std::deque<Pool> pools_;
    const Pool* strangers_ = nullptr;
    const Pool* known_ = nullptr;
    Figure* empty_ = nullptr;
    std::vector<Compared> compared_;
};

} // namespace

void measure_deny(const Setup& setup, Results& results) {
    if (!std::filesystem::exists(setup.probes + "/ssdp"))
        return;
    sources_bpf* own = sources_bpf::open_and_load();
    if (own == nullptr)
        throw std::runtime_error("load the benchmark's object");
    {
        const OneCpu pinned;
        for (const bool ipv4 : {true, false})
            DenyBench(setup, results, ipv4, *own).run();
    }
    sources_bpf::destroy(own);
}

} // namespace bench

// SPDX-License-Identifier: BSD-2-Clause
// ns a packet of every probe, by its parameters; and of natural against packed values.
#include <deque>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench.skel.h"
#include "measure.hpp"
#include "test_run.hpp"

namespace bench {

namespace {

using namespace dynmon;

// One line: a probe and how it is loaded.
struct Subject {
    const char* name;
    const char* probe;
    std::vector<std::string> assignments;
    ClockSource clock = ClockSource::ktime;
    bool fresh = false;         // what it holds fills up: loaded again for every round
    int repeat = 1'000'000;     // so often it can be run until then
    double most_over_empty = 0; // ns; 0: no target. Under TC.
    std::size_t http = 0;       // bytes of a head of HTTP, with a body behind it; 0: no HTTP
};

const std::vector<std::string> no_features{
    "with_timestamp=false", "with_length=false",    "with_ip_flags=false", "with_tcp_len=false",
    "with_tcp_ack=false",   "with_tcp_flags=false", "with_tcp_win=false",  "with_udp_size=false",
    "with_icmp_type=false", "with_direction=false", "with_app=false"};

// A buffer of the 10,000 packets of one session, which a round does not fill.
std::vector<std::string> one_session(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"n_session=1", "n_packet_per_session=10000"});
    return more;
}

Bytes frame_with(const Bytes& data) {
    return ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_TCP}, tcp({}, data)));
}

// The line that counts is the last one of the head.
Bytes frame_with_http(std::size_t head) {
    std::string text = "HTTP/1.1 200 OK\r\nX-Filler: ";
    const std::string end = "\r\nContent-Type: text/html; charset=utf-8\r\n\r\n";
    text.append(head - text.size() - end.size(), 'a').append(end).append("<!DOCTYPE html>");
    return frame_with({text.begin(), text.end()});
}

std::vector<Subject> subjects() {
    constexpr auto exact = ClockSource::ktime;
    constexpr auto coarse = ClockSource::coarse;
    constexpr int within_limit = 10'000;
    return {
        {"packets", "packets", {}},
        {"flows, hash", "flows", {"table=hash"}, exact},
        {"flows, hash, coarse clock", "flows", {"table=hash"}, coarse},
        {"flows, per-CPU hash", "flows", {}, exact},
        {"flows, per-CPU hash, coarse clock", "flows", {}, coarse, false, 1'000'000, 35},
        {"crypto", "crypto", {}, exact},
        {"crypto, coarse clock", "crypto", {}, coarse},
        {"ddos, every packet captured", "ddos", one_session(), exact, true, within_limit},
        {"ddos, the same without features", "ddos", one_session(no_features), exact, true,
         within_limit},
        {"ddos, a head of HTTP of 300 bytes", "ddos", one_session(), exact, true, within_limit, 0,
         300},
        {"ddos, a head of HTTP of 1,000 bytes", "ddos", one_session(), exact, true, within_limit, 0,
         1000},
        {"ddos, the session has its packets", "ddos", {"n_packet_per_session=1"}, exact},
    };
}

class Bench {
public:
    Bench(const Setup& setup, Results& results, bool xdp, const bench_bpf& own)
        : xdp_(xdp), section_(xdp ? "probes, XDP" : "probes, TC"), results_(results), setup_(setup),
          pivot_(load_pivot(xdp, false)) {
        empty_ =
            &add("empty program", bpf_program__fd(xdp ? own.progs.empty_xdp : own.progs.empty_tc));
        for (Subject& subject : kept_)
            if (std::filesystem::exists(setup.probes + "/" + subject.probe))
                add(subject);
        add("natural layout", bpf_program__fd(xdp ? own.progs.natural_xdp : own.progs.natural_tc));
        add("packed layout", bpf_program__fd(xdp ? own.progs.packed_xdp : own.progs.packed_tc));
    }

    void run() {
        take_turns(contenders_);
        for (const auto& [name, figure, target] : over_empty_) {
            Figure& over = results_.figure(section_, name, unit, {}, target);
            for (std::size_t i = 0; i < figure->samples.size(); ++i)
                over.samples.push_back(figure->samples[i] - empty_->samples[i]);
        }
    }

private:
    struct Over {
        std::string name;
        const Figure* figure;
        double target;
    };

    Figure& add(const std::string& name, int program) {
        Figure& figure = results_.figure(section_, name, unit);
        contenders_.push_back(
            {figure, setup_.rounds, [this, program] { return ns_per_run(program, frame_); }});
        return figure;
    }

    void add(const Subject& subject) {
        Figure& figure = results_.figure(section_, subject.name, unit);
        if (!xdp_ && subject.most_over_empty > 0)
            over_empty_.push_back({std::string(subject.name) + ", over an empty program", &figure,
                                   subject.most_over_empty});
        const Probe& probe = probes_.emplace_back(open_probe(setup_.probes + "/" + subject.probe));
        const auto load = [this, &probe, &subject] {
            return load_ingress(probe, pivot_, xdp_, subject.assignments, subject.clock);
        };
        if (subject.fresh) {
            const Bytes frame = subject.http != 0 ? frame_with_http(subject.http) : frame_;
            contenders_.push_back({figure, setup_.rounds, [load, frame, &subject] {
                                       return ns_per_run(program_of(load()), frame, subject.repeat);
                                   }});
            return;
        }
        const LoadedGeneration& loaded = loaded_.emplace_back(load());
        contenders_.push_back({figure, setup_.rounds,
                               [this, &loaded] { return ns_per_run(program_of(loaded), frame_); }});
    }

    static constexpr const char* unit = "ns/packet";
    const bool xdp_;
    const std::string section_;
    Results& results_;
    const Setup& setup_;
    const Pivot pivot_;
    const Bytes frame_ = frame_with(payload(64));
    std::vector<Subject> kept_ = subjects();
    std::deque<Probe> probes_;
    std::deque<LoadedGeneration> loaded_;
    std::vector<Contender> contenders_;
    std::vector<Over> over_empty_;
    const Figure* empty_ = nullptr;
};

} // namespace

void measure_probes(const Setup& setup, Results& results) {
    bench_bpf* own = bench_bpf::open_and_load();
    if (own == nullptr)
        throw std::runtime_error("load the benchmark's object");
    {
        const OneCpu pinned;
        for (const bool xdp : {false, true})
            Bench(setup, results, xdp, *own).run();
    }
    bench_bpf::destroy(own);
}

} // namespace bench

// SPDX-License-Identifier: BSD-2-Clause
#include "cli/options.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "filter/literal.hpp"
#include "kernel/rights.hpp"
#include "object/traced_code.hpp"

namespace dynmon {

void ProbeOptions::declare(CLI::App& app) {
    app.add_option("PROBE", probe,
                   "name of an installed probe, or path of a folder, probe.yaml or .bpf.o, whose "
                   "owner is then believed")
        ->required();
    app.add_option("--set", assignments, "PARAM=VALUE: set a parameter of the probe (repeatable)")
        ->type_name("PARAM=VALUE")
        ->expected(1)
        ->take_all();
    app.add_option("--clock", clock,
                   "clock of timestamps: tai, boot, ktime, or coarse (cheap, "
                   "steps of some ms); default: the best of this kernel");
    app.add_option("--btf", kernel_btf, "BTF of the kernel, if it does not carry its own")
        ->type_name("FILE");
    app.add_option("--verifier-log", verifier_log, "write the whole log of a rejection there")
        ->type_name("FILE");
}

std::optional<ClockSource> ProbeOptions::clock_source() const {
    if (clock.empty())
        return std::nullopt;
    return clock_source_from(clock);
}

void ProbeOptions::declare_limit(CLI::App& app) {
    app.add_option("--limit", limit,
                   "what a packet may cost on average, such as 2us (without a unit: ns): a program "
                   "that costs more passes every packet from then on, without a look at it; 0: "
                   "anything; default: anything, or what the running one may cost")
        ->type_name("NS");
}

std::optional<std::uint64_t> ProbeOptions::limit_ns() const {
    constexpr std::uint64_t most = 1'000'000'000;
    if (limit.empty())
        return std::nullopt;
    auto length = parse_exact_duration(limit);
    if (!length)
        length = parse_exact_duration(limit + "ns");
    if (!length || length->negative || length->too_large || length->size > most)
        throw Error(ErrorKind::usage, "--limit '" + limit + "' is no time up to 1s")
            .hint("such as 2us or 500ns; a number without a unit is ns, 0 is no limit");
    return static_cast<std::uint64_t>(length->size);
}

CLI::Option* ReaderOptions::declare(CLI::App& app) {
    auto* option = app.add_option("--as", as,
                                  "name of this reader: it gets each window from now on, whichever "
                                  "other named readers there are")
                       ->type_name("READER");
    app.add_option(
           "--keep", keep,
           "windows wait for this reader for that long, and are lost to it then; default: 10m")
        ->needs(option)
        ->type_name("TIME");
    app.add_option("--keep-memory", keep_memory,
                   "memory for windows that wait for any reader; the first one sets it; default: "
                   "16MiB")
        ->needs(option)
        ->type_name("BYTES");
    return option;
}

NamedReading ReaderOptions::named() const {
    constexpr std::uint64_t most = std::uint64_t{4} << 30;
    NamedReading named{.as = as};
    if (!keep.empty())
        named.keep_ns = static_cast<std::uint64_t>(parse_duration(keep, "--keep").count());
    if (keep_memory.empty())
        return named;
    const auto size = parse_exact_number(keep_memory);
    if (!size || size->negative || size->too_large || size->size == 0 || size->size > most)
        throw Error(ErrorKind::usage, "--keep-memory '" + keep_memory + "' is no size up to 4GiB")
            .hint("such as 64MiB");
    named.keep_bytes = static_cast<std::uint64_t>(size->size);
    return named;
}

void PlaceOptions::declare(CLI::App& app) {
    app.add_option("--dev", device, "interface")->required()->type_name("IFACE");
    app.add_option("--netns", netns,
                   "network namespace of the interface: a name of `ip netns` or "
                   "a path")
        ->type_name("NS");
    app.add_option("--hook", hook, "where ingress is hooked in; default: what the probe says")
        ->check(CLI::IsMember({"xdp", "tc"}));
    app.add_option("--mode", mode, "XDP mode; default: what the probe says, or native")
        ->check(CLI::IsMember({"native", "generic"}));
    app.add_option("--tc", tc, "how TC is attached; default: tcx where the kernel has it (6.6)")
        ->check(CLI::IsMember({"tcx", "clsact"}));
    app.add_option("--order", order,
                   "TC: in front of the programs of others (head) or behind them (tail); default: "
                   "head")
        ->check(CLI::IsMember({"head", "tail"}));
    app.add_option("--tc-priority", tc_priority,
                   "priority of the clsact filter, 1 to 65535; default: the first that is free, or "
                   "with --order tail the last")
        ->check(CLI::Range(1, 65535))
        ->type_name("N");
    auto* group = app.add_option_group("position", "place in the chain of the hook");
    group->add_flag("--first", first, "before all others");
    group->add_flag("--last", last, "after all others (default)");
    group->add_option("--before", before, "before monitor M")->type_name("M");
    group->add_option("--after", after, "after monitor M")->type_name("M");
    group->require_option(0, 1);
}

LoadRequest PlaceOptions::request(const std::string& name, const ProbeOptions& probe) const {
    LoadRequest request{.name = name,
                        .device = device,
                        .netns = netns,
                        .clock = probe.clock_source(),
                        .limit_ns = probe.limit_ns(),
                        .assignments = probe.assignments,
                        .kernel_btf = probe.kernel_btf};
    if (!hook.empty())
        request.hook = hook == "xdp" ? HookKind::xdp : HookKind::tc;
    for (const XdpMode candidate : {XdpMode::native, XdpMode::generic})
        if (mode == to_string(candidate))
            request.mode = candidate;
    if (!tc.empty())
        request.tc_attach = tc == "tcx" ? Attach::link : Attach::clsact;
    if (!order.empty())
        request.order = order == "tail" ? HookOrder::tail : HookOrder::head;
    if (tc_priority != 0)
        request.tc_priority = tc_priority;
    if (first)
        request.placement.kind = Placement::Kind::first;
    if (!before.empty())
        request.placement = {Placement::Kind::before, before};
    if (!after.empty())
        request.placement = {Placement::Kind::after, after};
    return request;
}

void KeepOptions::declare(CLI::App& app) {
    auto* keep_all = app.add_flag("--keep-maps", all,
                                  "go on with the running maps; refuse if the type of one differs");
    app.add_flag("--keep-matching-maps", matching,
                 "go on with the maps whose type is equal, start the others empty")
        ->excludes(keep_all);
}

ReplaceRequest::Keep KeepOptions::keep() const {
    if (all)
        return ReplaceRequest::Keep::all;
    return matching ? ReplaceRequest::Keep::matching : ReplaceRequest::Keep::none;
}

// Without a unit: seconds.
std::chrono::nanoseconds parse_duration(const std::string& text, const std::string& option) {
    constexpr std::uint64_t most_ns = 1'000'000'000'000'000'000; // 30 years: sums keep to 64 bits
    auto length = parse_exact_duration(text);
    if (!length)
        length = parse_exact_duration(text + 's');
    if (!length || length->negative || length->too_large || length->size > most_ns)
        throw Error(ErrorKind::usage, option + " '" + text + "' is not a duration")
            .hint("such as 1s, 250ms or 2m");
    return std::chrono::nanoseconds(static_cast<std::int64_t>(length->size));
}

// That of CLI11 prints the largest double.
CLI::Validator at_least_one() {
    return {[](const std::string& text) {
                const auto number = parse_exact_number(text);
                return number && !number->negative && number->size > 0
                           ? ""
                           : "'" + text + "' is not a number from 1";
            },
            ""};
}

// By then nothing is left to do that needs a capability: the caller is mostly root, and the
// folder may belong to any user.
void write_verifier_log(const std::string& file, const VerifierError& error) {
    if (file.empty())
        return;
    try {
        drop_rights();
        const Fd out = open_own_file(AT_FDCWD, file, O_WRONLY | O_CREAT, 0644, file);
        if (out)
            require_own_way(out.get(), file);
        if (!out || ::ftruncate(out.get(), 0) != 0)
            throw Error(ErrorKind::failed, "open " + file, errno)
                .hint("the folder has to belong to the user who runs this");
        if (const int reason = write_all(out.get(), error.log()); reason != 0)
            throw Error(ErrorKind::failed, "write " + file, reason);
        log::info("the whole verifier log is in " + file);
    } catch (const Error& fault) {
        log::warn("cannot write the verifier log to " + file + ": " + fault.what() +
                  (fault.hint().empty() ? "" : "; " + fault.hint()));
    }
}

} // namespace dynmon

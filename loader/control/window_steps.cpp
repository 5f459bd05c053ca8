// SPDX-License-Identifier: BSD-2-Clause
#include "control/window_steps.hpp"

#include <algorithm>

namespace dynmon {

namespace {

template <typename Matches>
std::uint64_t bits_of(const std::vector<MetricFacts>& metrics, Matches&& matches) {
    std::uint64_t bits = 0;
    for (const MetricFacts& metric : metrics)
        if (matches(metric))
            bits |= metric.bit();
    return bits;
}

std::uint64_t wanted_of(const std::vector<MetricFacts>& metrics) {
    return bits_of(metrics, [](const MetricFacts& metric) { return metric.wanted; });
}

std::uint64_t swapped_of(const std::vector<MetricFacts>& metrics) {
    return bits_of(metrics, [](const MetricFacts& metric) { return metric.swap; });
}

} // namespace

Retirement retirement_of(const MonitorState& state, std::uint64_t ended_ns) {
    return {.to_ns = ended_ns,
            .active = state.active_side(),
            .sequence = state.sequence + 1,
            .pending_sequence = state.pending_sequence,
            .pending_to_ns = state.pending_to_ns,
            .pending = state.pending,
            .doubled = state.doubled,
            .from_ns = {state.from_ns.begin(), state.from_ns.end()}};
}

std::uint64_t unasked_metrics(const ReadFacts& facts) {
    const std::uint64_t wanted = wanted_of(facts.metrics), swapped = swapped_of(facts.metrics);
    if (!facts.takes || (wanted & swapped) == 0)
        return 0;
    return facts.state.pending & facts.state.begun & swapped & ~wanted;
}

WindowSteps::WindowSteps(ReadFacts facts, WindowPort& port)
    : facts_(std::move(facts)), state_(facts_.state), port_(port),
      wanted_(wanted_of(facts_.metrics)), swapped_(swapped_of(facts_.metrics)) {}

bool WindowSteps::run() {
    show_replaced_generations();
    show_pending(unasked_metrics(facts_), true);
    show_pending(wanted_, false);
    if (is_full())
        return false;
    if (facts_.takes)
        begin_window();
    show_current();
    return true;
}

// What replaced generations still hold, oldest first; then they are gone.
void WindowSteps::show_replaced_generations() {
    for (const std::uint32_t generation : port_.replaced_generations()) {
        if (is_full())
            return;
        const std::optional<RetiredFacts> retired = port_.look_at_replaced(generation);
        if (!retired)
            continue;
        const Side active = retired->retirement.active;
        for (const Side side : {other(active), active})
            show_replaced(*retired, side);
        if (facts_.takes)
            port_.discard_if_read(generation);
    }
}

void WindowSteps::show_replaced(const RetiredFacts& facts, Side side) {
    const Retirement& retirement = facts.retirement;
    const bool was_open = side == retirement.active;
    const std::uint64_t to_ns = was_open ? retirement.to_ns : retirement.pending_to_ns;
    ShownWindow shown;
    shown.window = {.sequence = was_open ? retirement.sequence : retirement.pending_sequence,
                    .from_ns = to_ns,
                    .to_ns = to_ns,
                    .generation = facts.generation};
    for (const MetricFacts& metric : facts.metrics) {
        if (!metric.wanted || (!metric.swap && !was_open) ||
            !facts.there.contains({metric.index, side}))
            continue;
        const bool follows =
            was_open && (retirement.pending & ~retirement.doubled & metric.bit()) != 0;
        const std::uint64_t from_ns =
            follows ? retirement.pending_to_ns : retirement.from_ns.at(metric.index);
        shown.window.from_ns = std::min(shown.window.from_ns, from_ns);
        shown.parts.push_back(
            {.metric = metric.index, .side = side, .quiet = true, .from_ns = from_ns});
    }
    if (shown.parts.empty() || is_full())
        return;
    port_.show_replaced(shown);
    ++shown_;
    if (facts_.takes)
        port_.remove_maps(shown);
}

// A window that a reader closed and did not get to hand out, or that it closed for another
// metric of the same monitor.
void WindowSteps::show_pending(std::uint64_t metrics, bool unasked) {
    metrics &= state_.pending;
    if (metrics == 0 || is_full())
        return;
    ShownWindow shown;
    shown.unasked = unasked;
    shown.again = metrics & state_.begun;
    shown.window = {.sequence = state_.pending_sequence,
                    .from_ns = state_.pending_to_ns,
                    .to_ns = state_.pending_to_ns,
                    .generation = facts_.generation};
    for (const MetricFacts& metric : facts_.metrics)
        if ((metrics & metric.bit()) != 0)
            add_part(shown, metric, other(state_.active_side()), true);
    if (facts_.takes) {
        state_.begun |= metrics;
        port_.write(state_);
        port_.fence(); // the reader that closed it may have been killed before its own fence
    }
    show(shown);
    if (facts_.takes)
        finish_window(metrics, state_.pending_to_ns);
}

// A window's number is written before anything of it is handed out, and never given again.
void WindowSteps::begin_window() {
    ++state_.sequence;
    if ((wanted_ & swapped_) != 0)
        close_window();
    else
        port_.write(state_);
}

// The swap: every program of the monitor changes sides, both directions, one slot write each.
// Packets that come after the write belong to the next window; the fence waits for those that
// came before it and are still on their way through the old side.
// The state is written first, so that a kill in between is rolled forward by the next verb.
void WindowSteps::close_window() {
    const Side next = other(state_.active_side());
    port_.prepare_swap(next); // so that the writes follow each other
    state_.active = static_cast<std::uint32_t>(next);
    state_.doubled |= state_.pending; // those of this read are handed out by now
    state_.pending |= swapped_;
    state_.begun = wanted_ & swapped_;
    state_.pending_sequence = state_.sequence;
    state_.pending_to_ns = port_.now_ns();
    port_.write(state_);
    port_.swap();
    port_.fence();
}

// The window that was just closed, and the metrics that are not swapped as they are now.
void WindowSteps::show_current() {
    const bool closed = facts_.takes && (wanted_ & swapped_) != 0;
    const std::uint64_t to_ns = closed ? state_.pending_to_ns : port_.now_ns();
    ShownWindow shown;
    shown.last = true;
    shown.window = {.sequence = state_.sequence + (facts_.takes ? 0 : 1),
                    .from_ns = to_ns,
                    .to_ns = to_ns,
                    .generation = facts_.generation};
    for (const MetricFacts& metric : facts_.metrics) {
        const bool was_closed = metric.swap && closed;
        if (metric.wanted)
            add_part(shown, metric, was_closed ? other(state_.active_side()) : state_.active_side(),
                     was_closed);
    }
    show(shown);
    if (facts_.takes)
        finish_window(wanted_, to_ns);
}

// The side that is written began where the window ended that is still to be handed out.
void WindowSteps::add_part(ShownWindow& shown, const MetricFacts& metric, Side side,
                           bool quiet) const {
    const bool follows =
        (state_.pending & ~state_.doubled & metric.bit()) != 0 && side == state_.active_side();
    const std::uint64_t from_ns = follows ? state_.pending_to_ns : state_.from_ns[metric.index];
    shown.window.from_ns = std::min(shown.window.from_ns, from_ns);
    shown.parts.push_back(
        {.metric = metric.index, .side = side, .quiet = quiet, .from_ns = from_ns});
}

void WindowSteps::show(const ShownWindow& window) {
    port_.show(window);
    ++shown_;
}

void WindowSteps::finish_window(std::uint64_t shown, std::uint64_t to_ns) {
    state_.pending &= ~shown;
    state_.begun &= ~shown;
    for (const MetricFacts& metric : facts_.metrics)
        if ((shown & ~state_.doubled & metric.bit()) != 0 && metric.consumed)
            state_.from_ns[metric.index] = to_ns;
    state_.doubled &= ~shown; // the other side still holds what was counted since from_ns
    port_.write(state_);
}

} // namespace dynmon

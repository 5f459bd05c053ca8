// SPDX-License-Identifier: BSD-2-Clause
// A second layout beside the first, and the steps that carry a value over into it.
#include "filter/rate.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "btf/semantic.hpp"
#include "decode/decode_plan.hpp"
#include "decode/merge_rule.hpp"
#include "decode/scalar.hpp"

namespace dynmon {

namespace {

using Kind = Layout::Kind;

constexpr double seconds_per[] = {1e-9, 1e-6, 1e-3, 1}; // by clock_unit()

bool counts(const Layout& field) {
    return field.kind == Kind::integer || field.kind == Kind::real;
}

double load_number(const Scalar& scalar, bool is_real, const std::byte* value) {
    if (is_real)
        return load_real(scalar, value);
    const unsigned __int128 number = load_integer(scalar, value);
    return scalar.is_signed ? static_cast<double>(static_cast<__int128>(number))
                            : static_cast<double>(number);
}

// To six digits, and to the whole number beyond: more of them say nothing and fill the screen.
double readable(double rate) {
    const double size = std::fabs(rate);
    if (!(size > 0) || size >= 1e15)
        return rate;
    const int digits = std::clamp(5 - static_cast<int>(std::floor(std::log10(size))), 0, 300);
    const double scale = std::pow(10, digits);
    return std::isfinite(rate * scale) ? std::round(rate * scale) / scale : rate;
}

} // namespace

struct RatePlan::Step {
    enum class Op : std::uint8_t { copy, rate, real_rate, loop } op = Op::copy;
    Scalar from;
    std::uint32_t to = 0;
    double unit = 1; // what one of the field is
    // A loop: the next `body` steps are one element's.
    std::uint32_t body = 0;
    std::uint32_t count = 0;
    std::uint32_t from_stride = 0;
    std::uint32_t to_stride = 0;
};

RatePlan::~RatePlan() = default;
RatePlan::RatePlan(RatePlan&&) noexcept = default;
RatePlan& RatePlan::operator=(RatePlan&&) noexcept = default;

class RatePlan::Builder {
public:
    Builder(RatePlan& plan, Merge preset, const std::map<std::string, Merge>& fields,
            const std::set<std::string>& gauges)
        : plan_(plan), preset_(preset == Merge::none ? Merge::sum : preset) {
        for (const auto& [path, merge] : fields)
            rules_[without_brackets(path)] = merge;
        for (const std::string& path : gauges)
            rules_[without_brackets(path)] = std::nullopt;
    }

    void build(const Layout& value) {
        plan_.layout_ = place(value, {preset_, false});
        plan_.layout_.size = end_;
    }

private:
    struct Wanted {
        std::optional<Merge> merge; // none: a gauge
        bool explicitly = false;    // given for this very field
    };

    Layout place(const Layout& field, Wanted wanted) {
        if (const auto given = rules_.find(path_); given != rules_.end())
            wanted = {given->second, true};
        if (is_scalar(field))
            return leaf(field, wanted);
        if (field.kind == Kind::array)
            return array(field, wanted);
        return group(field, {wanted.merge, wanted.explicitly && !wanted.merge});
    }

    bool adds_up(const Layout& field, const Wanted& wanted) const {
        if (!counts(field) || in_union_ || !wanted.merge)
            return false;
        const MergeRule rule =
            wanted.merge == Merge::none ? MergeRule::last : merge_rule(*wanted.merge);
        return (wanted.explicitly ? rule : preset_rule(field, rule)) == MergeRule::sum;
    }

    Layout leaf(const Layout& field, const Wanted& wanted) {
        Layout placed = field;
        Step& step = plan_.steps_.emplace_back();
        step.from = compile_scalar(field, Style::decoded);
        if (adds_up(field, wanted)) {
            step.op = field.kind == Kind::real ? Step::Op::real_rate : Step::Op::rate;
            if (is_duration(field.semantic))
                step.unit = seconds_per[clock_unit(field.semantic)];
            placed.kind = Kind::real;
            placed.semantic = Semantic::none;
            placed.big_endian = false;
            placed.type_name = "double";
            placed.size = sizeof(double);
            placed.bit_offset = placed.bit_size = 0;
            placed.is_signed = true;
            ++plan_.rates_;
        }
        move_to(placed, end_);
        step.to = end_;
        end_ += placed.size;
        return placed;
    }

    static void move_to(Layout& field, std::uint32_t offset) {
        shift(field, offset - field.offset); // modulo 2^32: backwards too
    }

    Layout array(const Layout& field, const Wanted& wanted) {
        Layout placed = field;
        placed.offset = end_;
        const std::size_t at = plan_.steps_.size();
        const std::size_t rates = plan_.rates_;
        plan_.steps_.emplace_back();
        const std::uint32_t start = end_;
        placed.fields.front() = element(field.fields.front(), wanted);
        placed.stride = end_ - start;
        const std::uint64_t size = std::uint64_t{placed.stride} * field.count;
        if (start + size > std::numeric_limits<std::uint32_t>::max())
            throw Error(ErrorKind::usage, "too large to be shown as rates");
        placed.size = static_cast<std::uint32_t>(size);
        end_ = start + placed.size;
        Step& loop = plan_.steps_[at];
        loop.op = Step::Op::loop;
        loop.body = static_cast<std::uint32_t>(plan_.steps_.size() - at - 1);
        loop.count = field.count;
        loop.from_stride = field.stride;
        loop.to_stride = placed.stride;
        if (field.count == 0)
            plan_.rates_ = rates;
        return placed;
    }

    // Shares the path of its array, whose rule is its own.
    Layout element(const Layout& field, const Wanted& wanted) {
        if (is_scalar(field))
            return leaf(field, wanted);
        if (field.kind == Kind::array)
            return array(field, wanted);
        return group(field, {wanted.merge, wanted.explicitly && !wanted.merge});
    }

    Layout group(const Layout& field, const Wanted& wanted) {
        Layout placed = field;
        placed.offset = end_;
        placed.fields.clear();
        const bool outside = in_union_;
        // Arms share bytes: no count is sure unless all of them are the same.
        in_union_ = in_union_ || (field.kind == Kind::union_ && !has_one_semantic(field));
        const std::size_t length = path_.size();
        for (const Layout& member : field.fields) {
            if (!member.name.empty())
                path_ += '.' + member.name;
            placed.fields.push_back(place(member, wanted));
            path_.resize(length);
        }
        in_union_ = outside;
        placed.size = end_ - placed.offset;
        link_versions(placed); // they have moved
        return placed;
    }

    RatePlan& plan_;
    Merge preset_;
    std::map<std::string, std::optional<Merge>> rules_;
    std::string path_ = "value";
    bool in_union_ = false;
    std::uint32_t end_ = 0;
};

struct RatePlan::Run {
    double seconds;

    void steps(const Step* step, const Step* end, const std::byte* value, std::byte* into) const {
        for (; step != end; ++step) {
            if (step->op != Step::Op::loop) {
                one(*step, value, into);
                continue;
            }
            for (std::size_t i = 0; i < step->count; ++i)
                steps(step + 1, step + 1 + step->body, value + i * step->from_stride,
                      into + i * step->to_stride);
            step += step->body;
        }
    }

    void one(const Step& step, const std::byte* value, std::byte* into) const {
        if (step.op == Step::Op::copy) {
            std::memcpy(into + step.to, value + step.from.offset, step.from.size);
            return;
        }
        const double number = load_number(step.from, step.op == Step::Op::real_rate, value);
        const double rate = seconds > 0 ? readable(number * step.unit / seconds)
                                        : std::numeric_limits<double>::quiet_NaN();
        std::memcpy(into + step.to, &rate, sizeof rate);
    }
};

RatePlan::RatePlan(const Layout& value, Merge preset, const std::map<std::string, Merge>& fields,
                   const std::set<std::string>& gauges) {
    Builder(*this, preset, fields, gauges).build(value);
}

void RatePlan::apply(const std::byte* value, double seconds, std::byte* into) const {
    Run{seconds}.steps(steps_.data(), steps_.data() + steps_.size(), value, into);
}

} // namespace dynmon

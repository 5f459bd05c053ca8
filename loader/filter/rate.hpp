// SPDX-License-Identifier: BSD-2-Clause
// Counts as rates: the fields of a value that add up over time, divided by the seconds of a window.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "btf/layout.hpp"
#include "manifest/words.hpp"

namespace dynmon {

class RatePlan {
public:
    // What adds up is what `preset` and `fields` add up over CPUs (see MergePlan), save the fields
    // in `gauges`, which are levels and no counts: paths as those of `fields`, "value" for all.
    RatePlan(const Layout& value, Merge preset, const std::map<std::string, Merge>& fields,
             const std::set<std::string>& gauges);
    ~RatePlan();
    RatePlan(RatePlan&&) noexcept;
    RatePlan& operator=(RatePlan&&) noexcept;

    bool empty() const { return rates_ == 0; } // nothing adds up
    // The same fields in the same order under the same names; what adds up is a double, durations
    // as seconds per second.
    const Layout& layout() const { return layout_; }
    // Writes layout().size bytes. No rate is known of a window without length: NaN.
    void apply(const std::byte* value, double seconds, std::byte* into) const;

private:
    struct Step;
    class Builder;
    struct Run;
    Layout layout_;
    std::vector<Step> steps_;
    std::size_t rates_ = 0;
};

} // namespace dynmon

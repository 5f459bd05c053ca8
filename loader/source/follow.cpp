// SPDX-License-Identifier: BSD-2-Clause
#include "source/follow.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "filter/predicate.hpp"
#include "filter/projection.hpp"
#include "format/export_options.hpp"
#include "format/json_document.hpp"
#include "format/merged_metric.hpp"
#include "kernel/clock.hpp"

namespace dynmon {

EntryTracker::EntryTracker(std::size_t key_size, std::size_t value_size)
    : key_size_(key_size), value_size_(value_size), stride_(key_size + value_size),
      was_(value_size) {}

EntryTracker::Change EntryTracker::see(const std::byte* bytes, const std::byte* value) {
    const std::string_view wanted(reinterpret_cast<const char*>(bytes), key_size_);
    const auto key_of = [this](std::uint32_t i) { return key(i); };
    const std::size_t place = index_.place_of(wanted, key_of);
    const std::uint32_t known = index_.at(place);
    if (known != KeyIndex::none) {
        std::byte* const kept = entry(known) + key_size_;
        looks_[known] = look_;
        if (std::memcmp(kept, value, value_size_) == 0)
            return Change::none;
        std::memcpy(was_.data(), kept, value_size_);
        std::memcpy(kept, value, value_size_);
        return Change::changed;
    }
    const std::size_t number = looks_.size();
    if (number == KeyIndex::none)
        throw Error(ErrorKind::failed, "more entries than can be followed");
    bytes_.resize(bytes_.size() + stride_);
    std::memcpy(entry(number), bytes, key_size_);
    std::memcpy(entry(number) + key_size_, value, value_size_);
    looks_.push_back(look_);
    index_.put(place, static_cast<std::uint32_t>(number));
    if (index_.is_full(looks_.size()))
        index_.rebuild(looks_.size(), key_of);
    return Change::added;
}

void EntryTracker::end_look(const std::function<void(const std::byte*, const std::byte*)>& gone) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < looks_.size(); ++i) {
        if (looks_[i] != look_) {
            gone(entry(i), entry(i) + key_size_);
            continue;
        }
        if (kept != i) {
            std::memcpy(entry(kept), entry(i), stride_);
            looks_[kept] = looks_[i];
        }
        ++kept;
    }
    if (kept == looks_.size())
        return;
    looks_.resize(kept);
    bytes_.resize(kept * stride_);
    index_.rebuild(kept, [this](std::uint32_t i) { return key(i); });
}

namespace {

void require_followable(const TypedMap& map, const ExportOptions& options) {
    if (is_queue_like(map.facts().type))
        throw Error(ErrorKind::usage, "a queue cannot be followed: only its head can be seen");
    if (!options.format->follows)
        throw Error(ErrorKind::usage, "--follow prints JSON lines only").hint("--format jsonl");
    if (options.value_only)
        throw Error(ErrorKind::usage, "--value-only does not go with --follow")
            .hint("a line says what became of which key");
    if (!options.sort.empty() || options.top != 0 || options.rate)
        throw Error(ErrorKind::usage, "--sort, --top and --rate do not go with --follow")
            .hint("changes come in the order of the map");
}

EntryTypes types_of(const MetricView& view) {
    return {view.key ? &*view.key : nullptr, &view.value};
}

// What is printed of an entry.
Projection shown_of(const MetricView& view, const std::vector<std::string>& columns) {
    if (columns.empty())
        return {view.key, view.value};
    return during("--columns", [&] { return project(types_of(view), columns); });
}

std::optional<Condition> condition_of(const std::string& text) {
    if (text.empty())
        return std::nullopt;
    return during("--where", [&] { return Condition::parse(text); });
}

} // namespace

class Follower::State {
public:
    State(const TypedMap& map, const ExportOptions& options)
        : State(map, options, MergedMetric(map.view())) {}

    void look(Sink& sink) {
        const std::uint64_t now = epoch_ns();
        if (condition_)
            where_ = compiled(now);
        time_.clear();
        if (raw_)
            time_ = std::to_string(now);
        else
            append_json_time(now, time_);
        tracker_.begin_look();
        map_.for_each_batch(Take::look, [&](const Batch& batch) {
            const Batch merged = merged_.merge(batch);
            for (std::size_t i = 0; i < merged.count; ++i)
                see(merged.keys + i * merged.key_stride, merged.values + i * merged.value_stride,
                    sink);
        });
        tracker_.end_look([&](const std::byte* key, const std::byte* value) {
            std::string& out = begin("removed", key, sink);
            out += ",\"was\":";
            append_value(value, out);
            end(sink);
        });
        first_ = false;
        sink.flush();
    }

private:
    State(const TypedMap& map, const ExportOptions& options, MergedMetric merged)
        : map_(map), merged_(std::move(merged)), view_(merged_.view()), raw_(options.raw),
          cpus_(view_.cpus), shown_(shown_of(view_, options.columns)),
          tracker_(view_.key->size, cpus_ > 0 ? cpus_ * cpu_stride(view_) : view_.value.size),
          value_(shown_.value, style(), {}, {}, options.wide_as_text),
          condition_(condition_of(options.where)) {
        if (shown_.key)
            key_.emplace(*shown_.key, style(), "", "", options.wide_as_text);
        if (condition_)
            where_ = compiled(epoch_ns());
    }

    Style style() const { return raw_ ? Style::raw : Style::decoded; }

    Predicate compiled(std::uint64_t now) const {
        return during("--where", [&] { return Predicate(*condition_, types_of(view_), now); });
    }

    bool holds(const std::byte* key, const std::byte* value) const {
        for (std::size_t cpu = 0; cpu < std::max<std::size_t>(cpus_, 1); ++cpu)
            if (!where_ || where_->holds(key, value + cpu * cpu_stride(view_)))
                return true;
        return false;
    }

    void see(const std::byte* key, const std::byte* value, Sink& sink) {
        if (!holds(key, value))
            return;
        const EntryTracker::Change change = tracker_.see(key, value);
        if (first_ || change == EntryTracker::Change::none)
            return;
        text_.clear();
        append_value(value, text_);
        was_.clear();
        if (change == EntryTracker::Change::changed) {
            append_value(tracker_.was(), was_);
            if (was_ == text_)
                return; // in its padding, or in a field that is not shown
        }
        std::string& out = begin(was_.empty() ? "added" : "changed", key, sink);
        out.append(",\"value\":").append(text_);
        if (!was_.empty())
            out.append(",\"was\":").append(was_);
        end(sink);
    }

    std::string& begin(const char* change, const std::byte* key, Sink& sink) {
        std::string& out = sink.buffer();
        out.append("{\"change\":\"").append(change).append("\"");
        if (key_) {
            out += ",\"key\":";
            key_->append(key, out);
        }
        return out;
    }

    void end(Sink& sink) {
        sink.buffer().append(",\"time\":").append(time_).append("}\n");
        sink.spill();
    }

    void append_value(const std::byte* value, std::string& out) const {
        if (cpus_ == 0)
            return value_.append(value, out);
        for (std::size_t cpu = 0; cpu < cpus_; ++cpu) {
            out += cpu == 0 ? '[' : ',';
            value_.append(value + cpu * cpu_stride(view_), out);
        }
        out += ']';
    }

    const TypedMap& map_;
    MergedMetric merged_;
    const MetricView& view_;
    bool raw_;
    std::size_t cpus_; // copies of a value that are kept apart; 0: one value
    Projection shown_;
    EntryTracker tracker_;
    std::optional<JsonPlan> key_;
    JsonPlan value_;
    std::optional<Condition> condition_;
    std::optional<Predicate> where_;
    std::string text_;
    std::string was_;
    std::string time_;
    bool first_ = true;
};

Follower::Follower(const TypedMap& map, const ExportOptions& options) {
    require_followable(map, options);
    state_ = std::make_unique<State>(map, options);
}

Follower::~Follower() = default;

void Follower::look(Sink& sink) {
    state_->look(sink);
}

} // namespace dynmon

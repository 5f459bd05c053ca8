// SPDX-License-Identifier: BSD-2-Clause
// Per-CPU copies → one value, leaf by leaf, in a layout where every sum has room.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "decode/merge_rule.hpp"
#include "decode/scalar.hpp"

namespace dynmon {

// One value of a leaf: loaded, combined with that of another CPU by a rule, stored.

// A whole number of up to 64 bits; T says whether it has a sign.
template <typename T, typename Byte, typename Short, typename Int>
T load_word(const Scalar& scalar, const std::byte* root) {
    const std::byte* at = root + scalar.offset;
    if (scalar.bit_size == 0 && !scalar.swapped) {
        switch (scalar.size) {
        case 1:
            return load<Byte>(at);
        case 2:
            return load<Short>(at);
        case 4:
            return load<Int>(at);
        case 8:
            return load<T>(at);
        default:
            break;
        }
    }
    return static_cast<T>(load_integer(scalar, root));
}

inline void store_word(const Scalar& scalar, std::uint64_t value, std::byte* root) {
    std::byte* at = root + scalar.offset;
    if (scalar.bit_size == 0 && !scalar.swapped && scalar.size == 8)
        std::memcpy(at, &value, 8);
    else if (scalar.bit_size == 0 && !scalar.swapped && scalar.size == 4)
        std::memcpy(at, &value, 4);
    else
        store_integer(scalar, value, root);
}

template <typename T>
T load_as(const Scalar& scalar, const std::byte* root) {
    if constexpr (std::is_same_v<T, double>)
        return load_real(scalar, root);
    else if constexpr (std::is_same_v<T, std::uint64_t>)
        return load_word<T, std::uint8_t, std::uint16_t, std::uint32_t>(scalar, root);
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return load_word<T, std::int8_t, std::int16_t, std::int32_t>(scalar, root);
    else
        return static_cast<T>(load_integer(scalar, root));
}

// The sum of a real, or modulo 2^128: others have room of their own, see MergePlan.
template <typename T>
T combine(MergeRule rule, T sofar, T value) {
    switch (rule) {
    case MergeRule::sum:
        if constexpr (std::is_same_v<T, double>)
            return sofar + value;
        else
            return static_cast<T>(static_cast<unsigned __int128>(sofar) +
                                  static_cast<unsigned __int128>(value));
    case MergeRule::max:
        return value > sofar ? value : sofar;
    case MergeRule::min:
    case MergeRule::leads:
        return value != 0 && (sofar == 0 || value < sofar) ? value : sofar;
    case MergeRule::first:
        return sofar != 0 ? sofar : value;
    case MergeRule::last:
        return value != 0 ? value : sofar;
    case MergeRule::bit_or:
        if constexpr (!std::is_same_v<T, double>)
            return sofar | value;
        break;
    case MergeRule::follows: // is no matter of two values
        break;
    }
    return sofar;
}

// The loop of a MergePlan, and the steps that it goes through.

struct MergePlan::Step {
    enum class Op : std::uint8_t {
        bytes,
        u64,
        i64,
        wide,
        real,
        // Sums with more room than what is added up.
        u64_of_words,
        i64_of_words,
        u128_of_words,
        i128_of_words,
    };
    Op op = Op::bytes;
    MergeRule rule = MergeRule::first;
    Scalar from;
    Scalar to;
    std::uint32_t body = 0; // of a loop: the next `body` steps are one element's; 0: no loop
    std::uint32_t count = 0;
    std::uint32_t from_stride = 0;
    std::uint32_t to_stride = 0;
};

struct MergePlan::Run {
    std::size_t cpus;
    std::size_t stride;
    std::size_t leader; // a CPU

    static std::size_t find_leader(const Scalar& field, const std::byte* copies, std::size_t cpus,
                                   std::size_t stride) {
        std::size_t leader = 0;
        unsigned __int128 least = 0;
        for (std::size_t cpu = 0; cpu < cpus; ++cpu, copies += stride) {
            const unsigned __int128 value = load_integer(field, copies);
            const bool less = field.is_signed
                                  ? static_cast<__int128>(value) < static_cast<__int128>(least)
                                  : value < least;
            if (value != 0 && (least == 0 || less)) {
                least = value;
                leader = cpu;
            }
        }
        return leader;
    }

    // Bits around a bitfield come along, and no reader looks at them.
    void take(const Step& step, std::size_t cpu, const std::byte* copies, std::byte* into) const {
        std::memcpy(into + step.to.offset, copies + cpu * stride + step.from.offset,
                    step.from.size);
    }

    template <typename T>
    T fold(const Step& step, const std::byte* copies) const {
        T result = load_as<T>(step.from, copies);
        for (std::size_t cpu = 1; cpu < cpus; ++cpu) {
            copies += stride;
            result = combine(step.rule, result, load_as<T>(step.from, copies));
        }
        return result;
    }

    template <typename Word, typename Sum>
    void add_up(const Step& step, const std::byte* copies, std::byte* into) const {
        Sum sum = 0;
        for (std::size_t cpu = 0; cpu < cpus; ++cpu, copies += stride)
            sum += load_as<Word>(step.from, copies);
        std::memcpy(into + step.to.offset, &sum, sizeof sum);
    }

    void bytes(const Step& step, const std::byte* copies, std::byte* into) const {
        for (std::size_t i = 0; i < cpus; ++i) {
            const std::size_t cpu = step.rule == MergeRule::last ? cpus - 1 - i : i;
            const std::byte* from = copies + cpu * stride + step.from.offset;
            const bool set = std::any_of(from, from + step.from.size,
                                         [](std::byte byte) { return byte != std::byte{0}; });
            if (set)
                return take(step, cpu, copies, into);
        }
    }

    void leaf(const Step& step, const std::byte* copies, std::byte* into) const {
        using Op = Step::Op;
        if (step.rule == MergeRule::follows)
            return take(step, leader, copies, into);
        switch (step.op) {
        case Op::u64_of_words:
            return add_up<std::uint64_t, std::uint64_t>(step, copies, into);
        case Op::i64_of_words:
            return add_up<std::int64_t, std::int64_t>(step, copies, into);
        case Op::u128_of_words:
            return add_up<std::uint64_t, unsigned __int128>(step, copies, into);
        case Op::i128_of_words:
            return add_up<std::int64_t, __int128>(step, copies, into);
        case Op::u64:
            return store_word(step.to, fold<std::uint64_t>(step, copies), into);
        case Op::i64:
            return store_word(step.to, static_cast<std::uint64_t>(fold<std::int64_t>(step, copies)),
                              into);
        case Op::wide:
            return store_integer(step.to,
                                 step.from.is_signed
                                     ? static_cast<unsigned __int128>(fold<__int128>(step, copies))
                                     : fold<unsigned __int128>(step, copies),
                                 into);
        case Op::real:
            return store_real(step.to, fold<double>(step, copies), into);
        case Op::bytes:
            return bytes(step, copies, into);
        }
    }

    void steps(const Step* step, const Step* end, const std::byte* copies, std::byte* into) const {
        for (; step != end; ++step) {
            if (step->body == 0) {
                leaf(*step, copies, into);
                continue;
            }
            for (std::size_t i = 0; i < step->count; ++i)
                steps(step + 1, step + 1 + step->body, copies + i * step->from_stride,
                      into + i * step->to_stride);
            step += step->body;
        }
    }
};

namespace {
using Kind = Layout::Kind;

unsigned bits_of(const Layout& field) {
    return field.bit_size != 0 ? field.bit_size : field.size * 8;
}

// The sum of as many numbers like `field` as the kernel may have CPUs. A number of 128 bits has
// no larger type.
Layout sum_of(const Layout& field) {
    constexpr unsigned cpu_bits = 16;
    Layout sum = field;
    const bool word = bits_of(field) + cpu_bits <= 64;
    sum.kind = Kind::integer;
    sum.is_sum = bits_of(field) <= 64;
    sum.size = word ? 8 : 16;
    sum.bit_offset = sum.bit_size = 0;
    sum.type_name = std::string(field.is_signed ? "" : "unsigned ") + (word ? "long" : "__int128");
    sum.big_endian = false;
    if (sum.semantic == Semantic::big_endian)
        sum.semantic = Semantic::none;
    return sum;
}

// `placed` under the names of `names`, which is the same but for them.
void take_names(Layout& placed, const Layout& names) {
    placed.name = names.name;
    for (std::size_t i = 0; i < placed.fields.size(); ++i)
        take_names(placed.fields[i], names.fields[i]);
}

} // namespace

MergePlan::~MergePlan() = default;
MergePlan::MergePlan(MergePlan&&) noexcept = default;
MergePlan& MergePlan::operator=(MergePlan&&) noexcept = default;

class MergePlan::Builder {
public:
    Builder(MergePlan& plan, const std::map<std::string, Merge>& fields)
        : steps_(plan.steps_), leader_(plan.leader_) {
        for (const auto& [path, merge] : fields)
            rules_[without_brackets(path)] = {path, merge, false};
    }

    Layout build(const Layout& layout, Merge preset) {
        merge_rule(preset); // throws for none
        path_ = "value";
        Layout placed = place(layout, {preset, false});
        for (const auto& [plain, given] : rules_)
            if (!given.used)
                refuse_unknown(given.path, layout);
        for (const auto& [plain, given] : rules_)
            if (given.merge == Merge::follows && !leader_)
                throw Error(ErrorKind::usage, "merge of '" + given.path + "': no field leads")
                    .hint("give one field of the value the rule leads");
        return placed;
    }

private:
    struct Given {
        std::string path; // as the user wrote it
        Merge merge;
        bool used = false;
    };
    struct Wanted {
        Merge merge;
        bool explicitly; // given for this very field
        MergeRule rule() const { return merge_rule(merge); }
    };

    Layout place(const Layout& field, Wanted wanted) {
        const auto given = rules_.find(path_);
        if (given != rules_.end()) {
            given->second.used = true;
            wanted = {given->second.merge, true};
            during("merge of '" + given->second.path + "'", [&] { return wanted.rule(); });
        }
        if (wanted.merge == Merge::leads && wanted.explicitly)
            lead(field);
        return place_element(field, wanted);
    }

    // An element shares the path of its array, whose rule is its own.
    Layout place_element(const Layout& field, Wanted wanted) {
        if (is_scalar(field))
            return leaf(field, wanted);
        if (field.kind == Kind::array)
            return array(field, wanted);
        return group(field, {wanted.merge, false});
    }

    void lead(const Layout& field) {
        if (leader_)
            throw Error(ErrorKind::usage, "merge of '" + path_ + "': another field leads already");
        if (!is_scalar(field) || loops_ > 0)
            throw Error(ErrorKind::usage,
                        "merge of '" + path_ + "': only a single number can lead");
        leader_ = std::make_unique<Scalar>(scalar_of(field));
    }

    static Scalar scalar_of(const Layout& field) {
        Scalar scalar = compile_scalar(field, Style::decoded);
        scalar.enumerators = nullptr;
        return scalar;
    }

    // Behind what was placed before.
    void move_to_end(Layout& field) {
        shift(field, end_ - field.offset); // modulo 2^32: backwards too
        grow(field.size);
    }

    void grow(std::uint64_t bytes) {
        if (end_ + bytes > std::numeric_limits<std::uint32_t>::max())
            throw Error(ErrorKind::usage, "too large to be merged");
        end_ += static_cast<std::uint32_t>(bytes);
    }

    Layout leaf(const Layout& field, Wanted wanted) {
        if (wanted.explicitly && !rule_fits(wanted.rule(), field))
            throw Error(ErrorKind::usage, "merge of '" + path_ + "': '" + field.type_name +
                                              "' is not a number that can be merged like this")
                .hint("last takes the value of one CPU");
        if (!wanted.explicitly && !preset_fits(wanted.rule(), field))
            refuse_preset(wanted.merge, "bytes are");
        Step& step = steps_.emplace_back();
        step.rule = wanted.explicitly ? wanted.rule() : preset_rule(field, wanted.rule());
        step.from = scalar_of(field);
        const bool adds = step.rule == MergeRule::sum && field.kind != Kind::real;
        Layout placed = adds ? sum_of(field) : field;
        move_to_end(placed);
        step.to = scalar_of(placed);
        step.op = op_of(field, placed);
        return placed;
    }

    static Step::Op op_of(const Layout& field, const Layout& placed) {
        if (field.kind == Kind::real)
            return Step::Op::real;
        if (!holds_number(field))
            return Step::Op::bytes;
        if (bits_of(field) > 64)
            return Step::Op::wide;
        if (!placed.is_sum)
            return field.is_signed ? Step::Op::i64 : Step::Op::u64;
        if (placed.size == 8)
            return field.is_signed ? Step::Op::i64_of_words : Step::Op::u64_of_words;
        return field.is_signed ? Step::Op::i128_of_words : Step::Op::u128_of_words;
    }

    Layout array(const Layout& field, Wanted wanted) {
        Layout placed = field;
        placed.offset = end_;
        if (field.count == 0) {
            move_to_end(placed);
            return placed;
        }
        const std::size_t at = steps_.size();
        steps_.emplace_back();
        ++loops_;
        placed.fields.front() = place_element(field.fields.front(), wanted);
        --loops_;
        placed.stride = end_ - placed.offset;
        grow(std::uint64_t{placed.stride} * (field.count - 1));
        placed.size = end_ - placed.offset;
        const std::size_t body = steps_.size() - at - 1;
        if (body == 0) {
            steps_.pop_back(); // of empty structs
            return placed;
        }
        Step& loop = steps_[at];
        loop.body = static_cast<std::uint32_t>(body);
        loop.count = field.count;
        loop.from_stride = field.stride;
        loop.to_stride = placed.stride;
        return placed;
    }

    Layout group(const Layout& field, Wanted wanted) {
        if (field.kind == Kind::union_ && !has_one_semantic(field))
            return union_of(field, wanted);
        Layout placed = field;
        placed.offset = end_;
        placed.fields.clear();
        if (field.kind == Kind::union_) {
            one_field(field, wanted, placed);
        } else {
            for (const Layout& member : field.fields)
                placed.fields.push_back(place_member(member, wanted));
        }
        placed.size = end_ - placed.offset;
        link_versions(placed); // they have moved
        return placed;
    }

    // Several names of one field: merged once, by the rule that one of them has.
    void one_field(const Layout& field, Wanted wanted, Layout& placed) {
        const auto ruled = [this](const Layout& arm) { return has_rule_below(arm); };
        const auto chosen = std::find_if(field.fields.begin(), field.fields.end(), ruled);
        const Layout& first = chosen != field.fields.end() ? *chosen : field.fields.front();
        const Layout like = place_member(first, wanted);
        for (const Layout& arm : field.fields) {
            Layout& same = placed.fields.emplace_back(
                &arm != &first && ruled(arm) ? place_member(arm, wanted) : like);
            take_names(same, arm);
        }
    }

    // The arms of other unions share their bytes, which cannot be merged twice: those of one CPU
    // are taken, and beside them an arm with a rule of its own.
    Layout union_of(const Layout& field, Wanted wanted) {
        const bool ruled = std::any_of(field.fields.begin(), field.fields.end(),
                                       [this](const Layout& arm) { return has_rule_below(arm); });
        if (!ruled && !preset_fits(wanted.rule(), field))
            refuse_preset(wanted.merge, "the arms of a union are");
        Layout placed = field;
        move_to_end(placed);
        Step& step = steps_.emplace_back();
        const MergeRule rule = wanted.rule();
        const bool taken = rule == MergeRule::last || rule == MergeRule::follows;
        step.rule = taken ? rule : MergeRule::first;
        step.from.offset = field.offset;
        step.to.offset = placed.offset;
        step.from.size = step.to.size = field.size;
        for (std::size_t i = 0; i < field.fields.size(); ++i)
            if (has_rule_below(field.fields[i]))
                placed.fields[i] = place_member(field.fields[i], wanted);
        placed.size = end_ - placed.offset;
        link_versions(placed);
        return placed;
    }

    std::string path_of(const Layout& member) const {
        return member.name.empty() ? path_ : path_ + '.' + member.name;
    }

    Layout place_member(const Layout& member, Wanted wanted) {
        const std::size_t length = path_.size();
        path_ = path_of(member);
        Layout placed = place(member, wanted);
        path_.resize(length);
        return placed;
    }

    // What has no name has the path of what is around it: that rule is not its own.
    bool has_rule_below(const Layout& member) const {
        if (member.name.empty())
            return std::any_of(member.fields.begin(), member.fields.end(),
                               [this](const Layout& inner) { return has_rule_below(inner); });
        return std::any_of(rules_.begin(), rules_.end(), [&](const auto& entry) {
            std::string_view rest;
            return split_root(entry.first, path_of(member), rest);
        });
    }

    [[noreturn]] void refuse_preset(Merge merge, const char* what) const {
        throw Error(ErrorKind::usage, std::string("merge '") + to_string(merge) +
                                          "' does not fit '" + path_ + "': " + what +
                                          " neither added up nor compared")
            .hint("give the field a rule of its own (first, last), or list the CPUs with none");
    }

    [[noreturn]] static void refuse_unknown(const std::string& path, const Layout& layout) {
        std::vector<std::string> known;
        for (const std::string& leaf : leaf_paths(layout))
            known.push_back(join_path("value", leaf));
        const std::string nearest = nearest_name(path, known);
        throw Error(ErrorKind::usage, "merge of '" + path + "': no such field")
            .hint(nearest.empty() ? "a path starts with value" : "did you mean '" + nearest + "'?");
    }

    std::vector<Step>& steps_;
    std::unique_ptr<Scalar>& leader_;
    unsigned loops_ = 0;                 // arrays around the field at hand
    std::uint32_t end_ = 0;              // of what is placed
    std::map<std::string, Given> rules_; // by path without "[]"
    std::string path_;
};

MergePlan::MergePlan(const Layout& layout, Merge preset,
                     const std::map<std::string, Merge>& fields) {
    layout_ = Builder(*this, fields).build(layout, preset);
}

void MergePlan::merge(const std::byte* copies, std::size_t cpus, std::size_t stride,
                      std::byte* into) const {
    std::fill_n(into, layout_.size, std::byte{0}); // padding must not show what was there before
    if (cpus == 0)
        return;
    const std::size_t leader = leader_ ? Run::find_leader(*leader_, copies, cpus, stride) : 0;
    Run{cpus, stride, leader}.steps(steps_.data(), steps_.data() + steps_.size(), copies, into);
}

} // namespace dynmon

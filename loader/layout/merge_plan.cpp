// Per-CPU copies → one value, leaf by leaf.
#include <algorithm>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "layout/decode_plan.hpp"
#include "layout/merge_rule.hpp"
#include "layout/merge_word.hpp"
#include "layout/path.hpp"

namespace dynmon {

namespace {
using Kind = Layout::Kind;
}

struct MergePlan::Step {
    enum class Op : std::uint8_t { u64, i64, wide, real, bytes };
    Op op = Op::bytes;
    MergeRule rule = MergeRule::first;
    Scalar scalar;
    std::uint32_t body = 0; // of a loop: the next `body` steps are one element's; 0: no loop
    std::uint32_t count = 0;
    std::uint32_t stride = 0;
};

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

    void build(const Layout& layout, Merge preset) {
        path_ = "value";
        visit(layout, {merge_rule(preset), false});
        for (const auto& [plain, given] : rules_)
            if (!given.used)
                refuse_unknown(given.path, layout);
        for (const auto& [plain, given] : rules_)
            if (given.merge == Merge::follows && !leader_)
                throw Error(ErrorKind::usage, "merge of '" + given.path + "': no field leads")
                    .hint("give one field of the value the rule leads");
    }

private:
    struct Given {
        std::string path; // as the user wrote it
        Merge merge;
        bool used = false;
    };
    struct Wanted {
        MergeRule rule;
        bool explicitly; // given for this very field
    };

    void visit(const Layout& field, Wanted wanted) {
        const auto given = rules_.find(path_);
        if (given != rules_.end()) {
            given->second.used = true;
            wanted = {during("merge of '" + given->second.path + "'",
                             [&] { return merge_rule(given->second.merge); }),
                      true};
        }
        if (wanted.rule == MergeRule::leads && wanted.explicitly)
            lead(field);
        if (is_scalar(field))
            leaf(field, wanted);
        else if (field.kind == Kind::array)
            array(field, wanted);
        else
            group(field, {wanted.rule, false});
    }

    void lead(const Layout& field) {
        if (leader_)
            throw Error(ErrorKind::usage, "merge of '" + path_ + "': another field leads already");
        if (!is_scalar(field) || loops_ > 0)
            throw Error(ErrorKind::usage,
                        "merge of '" + path_ + "': only a single number can lead");
        leader_ = std::make_unique<Scalar>(compile_scalar(field, Style::people));
        leader_->enumerators = nullptr;
    }

    void leaf(const Layout& field, Wanted wanted) {
        if (wanted.explicitly && !rule_fits(wanted.rule, field))
            throw Error(ErrorKind::usage, "merge of '" + path_ + "': '" + field.type_name +
                                              "' is not a number that can be merged like this")
                .hint("last takes the value of one CPU");
        Step& step = steps_.emplace_back();
        step.rule = wanted.explicitly ? wanted.rule : preset_rule(field, wanted.rule);
        step.scalar = compile_scalar(field, Style::people);
        const bool word = field.size <= 8 || (field.bit_size != 0 && field.bit_size <= 64);
        if (field.kind == Kind::real)
            step.op = Step::Op::real;
        else if (holds_number(field))
            step.op = !word ? Step::Op::wide : field.is_signed ? Step::Op::i64 : Step::Op::u64;
    }

    void array(const Layout& field, Wanted wanted) {
        if (field.count == 0)
            return;
        const std::size_t at = steps_.size();
        Step& loop = steps_.emplace_back();
        loop.count = field.count;
        loop.stride = field.stride;
        ++loops_;
        visit_element(field.fields.front(), wanted);
        --loops_;
        const std::size_t body = steps_.size() - at - 1;
        if (body == 0)
            steps_.pop_back(); // of empty structs
        else
            steps_[at].body = static_cast<std::uint32_t>(body);
    }

    void visit_element(const Layout& element, Wanted wanted) {
        if (is_scalar(element))
            leaf(element, wanted);
        else if (element.kind == Kind::array)
            array(element, wanted);
        else
            group(element, {wanted.rule, false});
    }

    void group(const Layout& field, Wanted wanted) {
        // The arms of a union share their bytes, which cannot be merged twice: one CPU's are
        // taken, unless the arms are names for one field or a rule was given for an arm.
        const bool is_union = field.kind == Kind::union_;
        if (is_union && has_one_meaning(field)) {
            visit_member(field.fields.front(), wanted.rule);
        } else if (is_union) {
            Step& step = steps_.emplace_back();
            const bool taken = wanted.rule == MergeRule::last || wanted.rule == MergeRule::follows;
            step.rule = taken ? wanted.rule : MergeRule::first;
            step.scalar.offset = field.offset;
            step.scalar.size = field.size;
        }
        for (const Layout& member : field.fields)
            if (!is_union || has_rule_below(member))
                visit_member(member, wanted.rule);
    }

    std::string path_of(const Layout& member) const {
        return member.name.empty() ? path_ : path_ + '.' + member.name;
    }

    void visit_member(const Layout& member, MergeRule rule) {
        const std::size_t length = path_.size();
        path_ = path_of(member);
        visit(member, {rule, false});
        path_.resize(length);
    }

    bool has_rule_below(const Layout& member) const {
        return std::any_of(rules_.begin(), rules_.end(), [&](const auto& entry) {
            std::string_view rest;
            return split_root(entry.first, path_of(member), rest);
        });
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
    std::map<std::string, Given> rules_; // by path without "[]"
    std::string path_;
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

    void follow(const Step& step, const std::byte* copies, std::byte* into) const {
        copies += leader * stride;
        if (step.scalar.bit_size != 0)
            store_integer(step.scalar, load_integer(step.scalar, copies), into);
        else
            std::memcpy(into + step.scalar.offset, copies + step.scalar.offset, step.scalar.size);
    }

    template <typename T>
    T fold(const Step& step, const std::byte* copies) const {
        T result = load_as<T>(step.scalar, copies);
        for (std::size_t cpu = 1; cpu < cpus; ++cpu) {
            copies += stride;
            result = combine(step.rule, result, load_as<T>(step.scalar, copies));
        }
        return result;
    }

    void bytes(const Step& step, const std::byte* copies, std::byte* into) const {
        for (std::size_t i = 0; i < cpus; ++i) {
            const std::size_t cpu = step.rule == MergeRule::last ? cpus - 1 - i : i;
            const std::byte* from = copies + cpu * stride + step.scalar.offset;
            const bool set = std::any_of(from, from + step.scalar.size,
                                         [](std::byte byte) { return byte != std::byte{0}; });
            if (set) {
                std::memcpy(into + step.scalar.offset, from, step.scalar.size);
                return;
            }
        }
    }

    void leaf(const Step& step, const std::byte* copies, std::byte* into) const {
        if (step.rule == MergeRule::follows)
            return follow(step, copies, into);
        switch (step.op) {
        case Step::Op::u64:
            return store_word(step.scalar, fold<std::uint64_t>(step, copies), into);
        case Step::Op::i64:
            return store_word(step.scalar,
                              static_cast<std::uint64_t>(fold<std::int64_t>(step, copies)), into);
        case Step::Op::wide:
            return store_integer(step.scalar,
                                 step.scalar.is_signed
                                     ? static_cast<unsigned __int128>(fold<__int128>(step, copies))
                                     : fold<unsigned __int128>(step, copies),
                                 into);
        case Step::Op::real:
            return store_real(step.scalar, fold<double>(step, copies), into);
        case Step::Op::bytes:
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
                steps(step + 1, step + 1 + step->body, copies + i * step->stride,
                      into + i * step->stride);
            step += step->body;
        }
    }
};

MergePlan::MergePlan(const Layout& layout, Merge preset, const std::map<std::string, Merge>& fields)
    : size_(layout.size) {
    Builder(*this, fields).build(layout, preset);
}

void MergePlan::merge(const std::byte* copies, std::size_t cpus, std::size_t stride,
                      std::byte* into) const {
    std::memset(into, 0, size_); // padding must not show what was in memory before
    if (cpus == 0)
        return;
    const std::size_t leader = leader_ ? Run::find_leader(*leader_, copies, cpus, stride) : 0;
    Run{cpus, stride, leader}.steps(steps_.data(), steps_.data() + steps_.size(), copies, into);
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// Writes the exposition: which samples belong to which family, and the lines of text.

#include "format/openmetrics.hpp"

#include <bit>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "decode/digits.hpp"
#include "decode/text.hpp"
#include "format/rows.hpp"

namespace dynmon {

// Cleaning of names, escaping of label values and help.

namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string clean(std::string_view text, bool colon) {
    std::string name;
    if (text.empty() || (text.front() >= '0' && text.front() <= '9'))
        name += '_';
    for (const char c : text)
        name += is_letter(c) || (c >= '0' && c <= '9') || (colon && c == ':') ? c : '_';
    return name;
}

std::string valid_text(std::string_view text) {
    std::string valid;
    spell(text, false, [&](std::string_view piece) { valid.append(piece); });
    return valid;
}

} // namespace

std::string metric_name(std::string_view text) {
    return clean(text, true);
}
std::string label_name(std::string_view text) {
    return clean(text, false);
}

void append_label(std::string_view name, std::string_view value, std::string& out) {
    out.append(name).append("=\"");
    for (const char c : valid_text(value)) {
        if (c == '\n')
            out += "\\n";
        else if (c == '\\' || c == '"')
            out.append("\\").append(1, c);
        else
            out += c;
    }
    out += '"';
}

void append_help(std::string_view text, std::string& out) {
    for (const char c : valid_text(text)) {
        if (c == '\n')
            out += "\\n";
        else if (c == '\\')
            out += "\\\\";
        else
            out += c == '"' ? '\'' : c;
    }
}

namespace {

// A number of the exposition: two of the same labels are one sample.
struct Sample {
    bool real = false;
    bool is_signed = false;
    std::uint64_t bits = 0;

    double as_real() const {
        return real        ? std::bit_cast<double>(bits)
               : is_signed ? static_cast<double>(static_cast<std::int64_t>(bits))
                           : static_cast<double>(bits);
    }
    bool is_count() const { return !std::isnan(as_real()) && as_real() >= 0; }
    void add(const Sample& other) {
        if (real || other.real)
            *this = {true, false, std::bit_cast<std::uint64_t>(as_real() + other.as_real())};
        else
            bits += other.bits;
    }
};

struct Member {
    const SeriesTable* table;
    const SeriesTable::Family* family;
};

struct JoinedFamily {
    SeriesTable::Family family;
    std::string metric; // the first that has it, for messages
    std::vector<Member> members;
};

using Families = std::map<std::string, JoinedFamily>;

std::vector<double> bounds_of(const SeriesTable::Family& family) {
    return family.histogram ? family.histogram->bounds : std::vector<double>();
}

Families join(const std::vector<const SeriesTable*>& tables) {
    Families families;
    for (const SeriesTable* table : tables) {
        for (std::size_t i = 0; i < table->family_count(); ++i) {
            const SeriesTable::Family& family = table->family(i);
            JoinedFamily& joined = families[family.name];
            if (joined.members.empty())
                joined = {family, table->metric().name, {}};
            if (joined.family.type != family.type || joined.family.unit != family.unit)
                throw Error(ErrorKind::usage, "metrics '" + joined.metric + "' and '" +
                                                  table->metric().name + "' both export '" +
                                                  family.name + "', with another type or unit");
            if (bounds_of(joined.family) != bounds_of(family))
                throw Error(ErrorKind::usage, "metrics '" + joined.metric + "' and '" +
                                                  table->metric().name + "' both export '" +
                                                  family.name + "', with other buckets");
            if (joined.family.help.empty())
                joined.family.help = family.help;
            joined.members.push_back({table, &family});
        }
    }
    return families;
}

// A counter and a histogram also own their sample names: no other family may be called like them.
std::vector<const char*> sample_suffixes(MetricType type) {
    if (type == MetricType::counter)
        return {"_total", "_created"};
    if (type == MetricType::histogram)
        return {"_bucket", "_count", "_sum", "_created"};
    return {};
}

constexpr const char* attached_family = "dynmon_hook_attached";
// No info: readers of the classic text do not know that type.
constexpr const char* build_family = "dynmon_build_info";
constexpr const char* age_family = "dynmon_window_age_seconds";
constexpr const char* entries_family = "dynmon_map_entries";
constexpr const char* most_entries_family = "dynmon_map_max_entries";

void require_distinct(const Families& families) {
    for (const char* own :
         {attached_family, build_family, age_family, entries_family, most_entries_family})
        if (const auto taken = families.find(own); taken != families.end())
            throw Error(ErrorKind::usage, "metric '" + taken->second.metric + "' exports '" + own +
                                              "', which dynmon itself exports")
                .hint("give it another name in the manifest");
    for (const auto& [name, joined] : families) {
        for (const char* suffix : sample_suffixes(joined.family.type)) {
            const auto clash = families.find(name + suffix);
            if (clash != families.end())
                throw Error(ErrorKind::usage, "metric '" + clash->second.metric + "' exports '" +
                                                  clash->first + "', which belongs to the " +
                                                  to_string(joined.family.type) + " '" + name +
                                                  "' of metric '" + joined.metric + "'");
        }
    }
}

// The numbers of one family in the rows that have the labels of the one at `first`. False: none of
// them was read.
bool join_numbers(const JoinedFamily& joined, const LabelledRows& rows, std::uint32_t first,
                  std::vector<Sample>& numbers) {
    bool any = false;
    for (std::uint32_t i = first; i != LabelledRows::none; i = rows[i].next) {
        const SeriesTable& table = rows.table(rows[i]);
        const SeriesTable::Family& family = *joined.members[rows[i].table].family;
        if (!table.is_set(rows[i].row, family.first))
            continue;
        const std::uint64_t* const values = table.numbers(rows[i].row);
        const bool add = any && table.adds_up(family.first);
        for (std::size_t k = 0; k < numbers.size(); ++k) {
            const std::size_t at = family.first + k;
            const Sample sample{table.is_real(at), table.is_signed(at), values[at]};
            if (add)
                numbers[k].add(sample);
            else
                numbers[k] = sample;
        }
        any = true;
    }
    return any;
}

char* put_number(char* at, const Sample& sample) {
    if (sample.real)
        return put_real(at, sample.as_real());
    if (sample.is_signed)
        return put_signed(at, static_cast<std::int64_t>(sample.bits));
    return put_unsigned(at, sample.bits);
}

void append_number(const Sample& sample, std::string& out) {
    char text[longest_text];
    out.append(text, put_number(text, sample));
}

// `samples`: the name of its samples, but for those of a histogram.
void write_metadata(const SeriesTable::Family& family, const std::string& samples, Exposition form,
                    std::string& out) {
    const bool classic = form == Exposition::classic;
    const std::string& name = classic ? samples : family.name;
    if (family.type != MetricType::untyped) // unknown is what no TYPE means
        out += "# TYPE " + name + ' ' + to_string(family.type) + '\n';
    if (!family.unit.empty() && !classic)
        out += "# UNIT " + name + ' ' + family.unit + '\n';
    if (!family.help.empty()) {
        out += "# HELP " + name + ' ';
        append_help(family.help, out);
        out += '\n';
    }
}

Sample scaled_sample(const Sample& sample, double factor) {
    const long double exact = sample.real ? static_cast<long double>(sample.as_real())
                              : sample.is_signed
                                  ? static_cast<long double>(static_cast<std::int64_t>(sample.bits))
                                  : static_cast<long double>(sample.bits);
    return {true, false, std::bit_cast<std::uint64_t>(scaled(exact, factor))};
}

void append_sample(const std::string& name, const std::string& labels, const Sample& sample,
                   std::string& out) {
    out += name;
    if (!labels.empty())
        out += '{' + labels + '}';
    out += ' ';
    append_number(sample, out);
    out += '\n';
}

// All buckets whether something is in them or not: a reader takes differences over time. Readers
// want _count and _sum both or neither.
void append_histogram(const std::string& name, const Histogram& histogram,
                      const std::string& labels, const std::vector<Sample>& numbers,
                      std::string& out) {
    Sample sofar;
    for (std::size_t i = 0; i < histogram.buckets(); ++i) {
        std::string le = labels + (labels.empty() ? "" : ",") + "le=\"";
        if (i < histogram.bounds.size())
            append_bound(histogram.bounds[i], le);
        else
            le += "+Inf";
        sofar.bits += numbers[i].bits;
        append_sample(name + "_bucket", le + '"', sofar, out);
    }
    if (!histogram.has_sum)
        return;
    const Sample& sum = numbers.back();
    append_sample(name + "_count", labels, sofar, out);
    append_sample(name + "_sum", labels,
                  histogram.factor == 1 ? sum : scaled_sample(sum, histogram.factor), out);
}

// name{labels} number: the many lines of a counter or gauge. `name` is readable as whole blocks.
void put_line(const std::string& name, std::size_t name_size, const LabelledRows& rows,
              const LabelledRows::Row& row, const Sample& sample, Cursor& out) {
    out.put_blocks(name.data(), name_size);
    out.reserve(1);
    out.put('{');
    out.put_blocks(rows.text(row), row.text_size);
    out.reserve(longest_text + 3);
    out.put('}');
    out.put(' ');
    out.at = put_number(out.at, sample);
    out.put('\n');
}

// One sample after the other, each of the monitor and what `labels` adds.
class OwnFamily {
public:
    OwnFamily(const std::string& name, const char* help, const Identity& identity, std::string& out)
        : name_(name), help_(help), identity_(identity), out_(out) {}

    void add(const std::vector<std::pair<const char*, std::string>>& labels,
             const std::string& number) {
        if (std::exchange(first_, false))
            out_ += "# TYPE " + name_ + " gauge\n# HELP " + name_ + ' ' + help_ + '\n';
        out_ += name_;
        char before = '{';
        for (const auto& [label, value] : identity_)
            append(std::exchange(before, ','), label_name(label), value);
        for (const auto& [label, value] : labels)
            append(std::exchange(before, ','), label, value);
        out_ += (before == '{' ? " " : "} ") + number + '\n';
    }

private:
    void append(char before, const std::string& label, const std::string& value) {
        out_ += before;
        append_label(label, value, out_);
    }

    std::string name_;
    const char* help_;
    const Identity& identity_;
    std::string& out_;
    bool first_ = true;
};

void write_facts(const MonitorFacts& facts, const std::vector<const SeriesTable*>& tables,
                 const Identity& identity, std::string& out) {
    if (!facts.build.empty())
        OwnFamily(build_family, "The dynmon that printed this.", identity, out)
            .add({{"version", facts.build}}, "1");
    if (facts.window_age) {
        char text[longest_text];
        OwnFamily(age_family, "Since the window began that is counted now.", identity, out)
            .add({}, std::string(text, put_real(text, *facts.window_age)));
    }
    OwnFamily filled(entries_family, "Entries in the map of a metric.", identity, out);
    for (const auto& [metric, count] : facts.entries)
        filled.add({{"direction", to_string(metric.first)}, {"metric", metric.second}},
                   std::to_string(count));
    OwnFamily room(most_entries_family, "Entries that the map of a metric has room for.", identity,
                   out);
    for (const SeriesTable* table : tables)
        if (table->metric().max_entries != 0)
            room.add({{"direction", to_string(table->metric().direction)},
                      {"metric", table->metric().name}},
                     std::to_string(table->metric().max_entries));
}

void write_places(const std::vector<CountingPlace>& places, const Identity& identity,
                  std::string& out) {
    OwnFamily attached(
        attached_family,
        "Whether packets reach the monitor at this hook; where it is 0 nothing is counted.",
        identity, out);
    for (const CountingPlace& place : places)
        if (place.attached)
            attached.add({{"direction", to_string(place.direction)}, {"hook", place.hook}},
                         *place.attached ? "1" : "0");
}

void write_family(const JoinedFamily& joined, const LabelledRows& rows, Exposition form,
                  Sink& sink) {
    const bool counter = joined.family.type == MetricType::counter;
    const std::string name = joined.family.name + (counter ? "_total" : "");
    write_metadata(joined.family, name, form, sink.buffer());
    std::vector<Sample> numbers(joined.family.histogram ? joined.family.histogram->numbers() : 1);
    const std::string padded = name + std::string(Cursor::block, '\0');
    Cursor cursor(sink.buffer());
    std::size_t no_counts = 0; // written too: Prometheus stores them
    for (const std::uint32_t first : rows.firsts()) {
        if (!join_numbers(joined, rows, first, numbers))
            continue;
        const LabelledRows::Row& row = rows[first];
        if (joined.family.histogram)
            append_histogram(name, *joined.family.histogram,
                             std::string(rows.text(row), row.text_size), numbers, sink.buffer());
        else
            put_line(padded, name.size(), rows, row, numbers[0], cursor);
        no_counts += counter && !numbers[0].is_count();
        sink.spill();
    }
    cursor.finish();
    if (no_counts > 0)
        log::warn("metric '" + joined.metric + "': " + std::to_string(no_counts) + " of counter '" +
                  name + "' are negative or not a number, which strict readers of OpenMetrics " +
                  "refuse: make it a gauge");
}

} // namespace

void write_openmetrics(const std::vector<const SeriesTable*>& tables, const Identity& identity,
                       Sink& sink, const std::vector<CountingPlace>& places, Exposition form,
                       const MonitorFacts& facts) {
    const Families families = join(tables);
    require_distinct(families);
    write_places(places, identity, sink.buffer());
    write_facts(facts, tables, identity, sink.buffer());
    std::map<std::vector<const SeriesTable*>, LabelledRows> labelled;
    for (const auto& [name, joined] : families) {
        std::vector<const SeriesTable*> of_family;
        for (const Member& member : joined.members)
            of_family.push_back(member.table);
        auto found = labelled.find(of_family);
        if (found == labelled.end())
            found = labelled.emplace(of_family, LabelledRows(of_family, identity)).first;
        write_family(joined, found->second, form, sink);
    }
    if (form == Exposition::openmetrics)
        sink.buffer() += "# EOF\n";
}

} // namespace dynmon

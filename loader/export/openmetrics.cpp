// Writes the exposition: which samples belong to which family, and the lines of text.
#include "export/openmetrics.hpp"

#include <bit>
#include <cmath>

#include "base/error.hpp"
#include "export/metric_text.hpp"
#include "layout/digits.hpp"
#include "layout/text.hpp"

namespace dynmon {

namespace {

using Identity = std::vector<std::pair<std::string, std::string>>;

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
    // Readers refuse the whole exposition for a counter that is negative or not a number.
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
    std::size_t value;
};

struct JoinedFamily {
    SeriesTable::Family family;
    std::string metric; // the first that has it, for messages
    std::vector<Member> members;
};

using Families = std::map<std::string, JoinedFamily>;

Families join(const std::vector<const SeriesTable*>& tables) {
    Families families;
    for (const SeriesTable* table : tables) {
        for (std::size_t value = 0; value < table->value_count(); ++value) {
            const SeriesTable::Family& family = table->family(value);
            JoinedFamily& joined = families[family.name];
            if (joined.members.empty())
                joined = {family, table->metric().name, {}};
            if (joined.family.type != family.type || joined.family.unit != family.unit)
                throw Error(ErrorKind::usage, "metrics '" + joined.metric + "' and '" +
                                                  table->metric().name + "' both export '" +
                                                  family.name + "', with another type or unit");
            if (joined.family.help.empty())
                joined.family.help = family.help;
            joined.members.push_back({table, value});
        }
    }
    return families;
}

// A counter also owns its sample names: no other family may be called like them.
void require_distinct(const Families& families) {
    for (const auto& [name, joined] : families) {
        if (joined.family.type != MetricType::counter)
            continue;
        for (const char* suffix : {"_total", "_created"}) {
            const auto clash = families.find(name + suffix);
            if (clash != families.end())
                throw Error(ErrorKind::usage, "metric '" + clash->second.metric + "' exports '" +
                                                  clash->first +
                                                  "', which belongs to the counter '" + name +
                                                  "' of metric '" + joined.metric + "'");
        }
    }
}

std::string all_labels(const SeriesTable& table, const std::string& id, const Identity& identity) {
    std::string list;
    for (const auto& [name, value] : identity) {
        const std::string label = label_name(name);
        if (table.has_label(label))
            continue; // the manifest's label of that name is meant to be seen
        list += list.empty() ? "" : ",";
        append_label(label, value, list);
    }
    const std::string own = table.label_list(id);
    if (!list.empty() && !own.empty())
        list += ',';
    return list + own;
}

std::map<std::string, Sample> samples_of(const JoinedFamily& family, const Identity& identity) {
    std::map<std::string, Sample> samples;
    for (const auto& [table, value] : family.members) {
        for (const auto& [id, values] : table->rows()) {
            if (!table->is_set(id, value))
                continue;
            const Sample sample{table->is_real(value), table->is_signed(value), values[value]};
            const auto [found, is_new] = samples.emplace(all_labels(*table, id, identity), sample);
            if (!is_new && table->adds_up(value))
                found->second.add(sample);
            else
                found->second = sample;
        }
    }
    return samples;
}

void append_number(const Sample& sample, std::string& out) {
    char text[longest_text];
    if (sample.real)
        out.append(text, put_real(text, sample.as_real()));
    else if (sample.is_signed)
        out.append(text, put_signed(text, static_cast<std::int64_t>(sample.bits)));
    else
        out.append(text, put_unsigned(text, sample.bits));
}

void write_metadata(const SeriesTable::Family& family, std::string& out) {
    if (family.type != MetricType::untyped) // unknown is what no TYPE means
        out += "# TYPE " + family.name + ' ' + to_string(family.type) + '\n';
    if (!family.unit.empty())
        out += "# UNIT " + family.name + ' ' + family.unit + '\n';
    if (!family.help.empty()) {
        out += "# HELP " + family.name + ' ';
        append_help(family.help, out);
        out += '\n';
    }
}

void write_family(const JoinedFamily& joined, const Identity& identity, Sink& sink) {
    const bool counter = joined.family.type == MetricType::counter;
    write_metadata(joined.family, sink.buffer());
    for (const auto& [labels, sample] : samples_of(joined, identity)) {
        if (counter && !sample.is_count())
            continue;
        std::string& out = sink.buffer();
        out += joined.family.name;
        if (counter)
            out += "_total";
        if (!labels.empty())
            out += '{' + labels + '}';
        out += ' ';
        append_number(sample, out);
        out += '\n';
        sink.spill();
    }
}

} // namespace

void write_openmetrics(const std::vector<const SeriesTable*>& tables, const Identity& identity,
                       Sink& sink) {
    const Families families = join(tables);
    require_distinct(families);
    for (const auto& [name, joined] : families)
        write_family(joined, identity, sink);
    sink.buffer() += "# EOF\n";
}

} // namespace dynmon

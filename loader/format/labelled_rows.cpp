// SPDX-License-Identifier: BSD-2-Clause
#include "format/labelled_rows.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "format/metric_text.hpp"

namespace dynmon {

namespace {

std::string identity_labels(const SeriesTable& table, const Identity& identity) {
    std::string list;
    for (const auto& [name, value] : identity) {
        const std::string label = label_name(name);
        if (table.has_label(label))
            continue; // the manifest's label of that name is meant to be seen
        list += list.empty() ? "" : ",";
        append_label(label, value, list);
    }
    return list;
}

} // namespace

LabelledRows::LabelledRows(std::vector<const SeriesTable*> tables, const Identity& identity)
    : tables_(std::move(tables)) {
    Cursor cursor(texts_);
    for (std::uint32_t table = 0; table < tables_.size(); ++table) {
        const std::string common = identity_labels(*tables_[table], identity);
        for (const std::uint32_t row : tables_[table]->sorted_rows()) {
            const std::size_t start = texts_.size();
            cursor.put(common);
            tables_[table]->append_labels(row, common.empty(), cursor);
            cursor.finish();
            rows_.push_back(
                {table, row, none, static_cast<std::uint32_t>(texts_.size() - start), start});
        }
    }
    texts_.append(Cursor::block, '\0');
    chain_equal();
}

// Tables of different directions say so in their labels.
bool LabelledRows::are_distinct() const {
    const bool one_each =
        tables_.size() == 1 || (tables_.size() == 2 && !tables_[0]->has_label("direction") &&
                                !tables_[1]->has_label("direction") &&
                                tables_[0]->metric().direction != tables_[1]->metric().direction);
    return one_each && std::all_of(tables_.begin(), tables_.end(), [](const SeriesTable* table) {
               return table->labels_are_distinct();
           });
}

void LabelledRows::chain_equal() {
    if (are_distinct()) { // most are: nothing to look for
        firsts_.resize(rows_.size());
        std::iota(firsts_.begin(), firsts_.end(), 0);
        return;
    }
    std::unordered_map<std::string_view, std::uint32_t> last;
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
        const auto [found, added] =
            last.emplace(std::string_view(text(rows_[i]), rows_[i].text_size), i);
        if (added)
            firsts_.push_back(i);
        else
            rows_[std::exchange(found->second, i)].next = i;
    }
}

} // namespace dynmon

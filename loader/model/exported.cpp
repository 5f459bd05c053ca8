// SPDX-License-Identifier: BSD-2-Clause
// dynmon's own JSON, which the scripts write that users run where they train
// (schemas/model.schema.json).
#include <string_view>

#include "model/model_tree.hpp"

namespace dynmon {

namespace {

struct ComparisonName {
    std::string_view name;
    Comparison comparison;
};
constexpr ComparisonName comparisons[] = {{"float-at-most", Comparison::float_at_most},
                                          {"float-below", Comparison::float_below},
                                          {"at-most", Comparison::at_most},
                                          {"below", Comparison::below}};

Comparison comparison_of(const ModelTree& tree, const Node& node) {
    std::string names;
    for (const ComparisonName& known : comparisons) {
        if (known.name == tree.text(node))
            return known.comparison;
        names += (names.empty() ? "" : ", ") + std::string(known.name);
    }
    tree.refuse(node, "'" + node.text + "' is no comparison", "one of " + names);
}

} // namespace

Forest read_exported(const ModelTree& tree) {
    const Node& root = tree.root();
    const Node& version = tree.member(root, "dynmon-model");
    if (tree.count(version) != 1)
        tree.refuse(version, "version " + version.text + " of this format is not known here");
    Forest forest;
    forest.trainer = tree.text(tree.member(root, "trainer"));
    forest.comparison = comparison_of(tree, tree.member(root, "comparison"));
    for (const Node& name : tree.list(tree.member(root, "features")))
        forest.features.push_back(tree.text(name));
    forest.base = tree.number(tree.member(root, "base"));
    forest.threshold = tree.number(tree.member(root, "threshold"));
    for (const Node& each : tree.list(tree.member(root, "trees")))
        forest.trees.push_back(tree_of(tree,
                                       {.left = &tree.member(each, "left"),
                                        .right = &tree.member(each, "right"),
                                        .feature = &tree.member(each, "feature"),
                                        .threshold = &tree.member(each, "threshold"),
                                        .value = &tree.member(each, "value")},
                                       forest.features.size()));
    return forest;
}

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
// What the formats of models have in common: JSON with places, and trees as arrays side by side.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "manifest/document.hpp"
#include "model/forest.hpp"

namespace dynmon {

// A document and the path of its file for messages. All throw Error{usage} "FILE:LINE:COL: …".
class ModelTree {
public:
    ModelTree(const Node& root, const std::string& file) : root_(root), file_(file) {}

    const Node& root() const { return root_; }
    // nullptr: there is none, or `node` has no members
    static const Node* find(const Node& node, const std::string& name);
    const Node& member(const Node& node, const std::string& name) const;
    const std::vector<Node>& list(const Node& node) const;
    std::string text(const Node& node) const;
    double number(const Node& node) const; // finite
    std::uint64_t count(const Node& node) const;

    [[noreturn]] void refuse(const Node& at, const std::string& message,
                             const std::string& hint = "") const;

private:
    const Node& root_;
    const std::string& file_;
};

// The arrays of a tree, as XGBoost and scikit-learn have them: node i is the i-th of each. A left
// child of `none` makes a leaf.
struct TreeArrays {
    const Node* left = nullptr;
    const Node* right = nullptr;
    const Node* feature = nullptr;
    const Node* threshold = nullptr;
    const Node* value = nullptr; // of leaves; may be `threshold`
    std::int64_t none = -1;
};

// Checks that it is a tree: lengths, numbers of features and children, each node reached once.
Tree tree_of(const ModelTree& tree, const TreeArrays& arrays, std::size_t features);

Forest read_xgboost(const ModelTree& tree);
Forest read_exported(const ModelTree& tree); // dynmon's own

} // namespace dynmon

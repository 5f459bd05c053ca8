// SPDX-License-Identifier: BSD-2-Clause
#include "model/model_tree.hpp"

#include <charconv>
#include <cmath>
#include <span>

#include "import/json_tree.hpp"
#include "object/allow_list.hpp"

namespace dynmon {

const Node* ModelTree::find(const Node& node, const std::string& name) {
    for (std::size_t i = 0; i < node.keys.size(); ++i)
        if (node.keys[i].text == name)
            return &node.items[i];
    return nullptr;
}

const Node& ModelTree::member(const Node& node, const std::string& name) const {
    if (const Node* const found = find(node, name))
        return *found;
    refuse(node, "'" + name + "' is missing");
}

const std::vector<Node>& ModelTree::list(const Node& node) const {
    if (node.kind != Node::Kind::sequence)
        refuse(node, "not a list");
    return node.items;
}

std::string ModelTree::text(const Node& node) const {
    if (node.kind != Node::Kind::scalar || !node.quoted)
        refuse(node, "not a text");
    return node.text;
}

double ModelTree::number(const Node& node) const {
    double value = 0;
    const char* const end = node.text.data() + node.text.size();
    const auto result = std::from_chars(node.text.data(), end, value);
    if (node.kind != Node::Kind::scalar || node.text.empty() || result.ptr != end ||
        result.ec != std::errc() || !std::isfinite(value))
        refuse(node, "not a number");
    return value;
}

std::uint64_t ModelTree::count(const Node& node) const {
    const double value = number(node);
    if (value < 0 || value != std::floor(value) || value > 1e9)
        refuse(node, "not a count");
    return static_cast<std::uint64_t>(value);
}

void ModelTree::refuse(const Node& at, const std::string& message, const std::string& hint) const {
    throw_fault(file_, at.at, message, hint);
}

namespace {

class Builder {
public:
    Builder(const ModelTree& tree, const TreeArrays& arrays, std::size_t features)
        : tree_(tree), left_(tree.list(*arrays.left)), right_(tree.list(*arrays.right)),
          feature_(tree.list(*arrays.feature)), threshold_(tree.list(*arrays.threshold)),
          value_(tree.list(*arrays.value)), arrays_(arrays), features_(features) {
        if (left_.empty())
            tree_.refuse(*arrays.left, "a tree without nodes");
        for (const Node* const other :
             {arrays.right, arrays.feature, arrays.threshold, arrays.value})
            if (other->items.size() != left_.size())
                tree_.refuse(*other, std::to_string(other->items.size()) + " entries, for " +
                                         std::to_string(left_.size()) + " nodes");
    }

    Tree build() {
        Tree nodes(left_.size());
        std::vector<bool> reached(left_.size());
        std::vector<std::uint32_t> waiting{0};
        while (!waiting.empty()) {
            const std::uint32_t number = waiting.back();
            waiting.pop_back();
            if (reached[number])
                tree_.refuse(left_[number],
                             "node " + std::to_string(number) + " is the child of two others");
            reached[number] = true;
            nodes[number] = node(number);
            if (!nodes[number].is_leaf()) {
                waiting.push_back(nodes[number].right);
                waiting.push_back(nodes[number].left);
            }
        }
        return nodes;
    }

private:
    TreeNode node(std::uint32_t number) const {
        TreeNode node;
        node.at = threshold_[number].at;
        if (tree_.number(left_[number]) == static_cast<double>(arrays_.none)) {
            node.value = tree_.number(value_[number]);
            return node;
        }
        node.left = child(left_[number]);
        node.right = child(right_[number]);
        node.threshold = tree_.number(threshold_[number]);
        const std::uint64_t feature = tree_.count(feature_[number]);
        if (feature >= features_)
            tree_.refuse(feature_[number], "there is no feature " + std::to_string(feature));
        node.feature = static_cast<std::uint32_t>(feature);
        return node;
    }

    std::uint32_t child(const Node& node) const {
        const std::uint64_t number = tree_.count(node);
        if (number == 0 || number >= left_.size())
            tree_.refuse(node, "there is no node " + std::to_string(number) + " to be a child");
        return static_cast<std::uint32_t>(number);
    }

    const ModelTree& tree_;
    const std::vector<Node>&left_, &right_, &feature_, &threshold_, &value_;
    const TreeArrays& arrays_;
    std::size_t features_;
};

} // namespace

Tree tree_of(const ModelTree& tree, const TreeArrays& arrays, std::size_t features) {
    return Builder(tree, arrays, features).build();
}

Forest read_forest(const std::string& text, const std::string& file) {
    const Node root = parse_json_tree(text, file, most_model_bytes);
    const ModelTree tree(root, file);
    Forest forest;
    if (ModelTree::find(root, "learner") != nullptr)
        forest = read_xgboost(tree);
    else if (ModelTree::find(root, "dynmon-model") != nullptr)
        forest = read_exported(tree);
    else
        tree.refuse(root, "not a model that is known here",
                    "XGBoost: save_model(\"model.json\"); scikit-learn: export-sklearn.py");
    forest.sha256 = sha256_hex(std::as_bytes(std::span(text)));
    return forest;
}

} // namespace dynmon

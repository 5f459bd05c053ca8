// SPDX-License-Identifier: BSD-2-Clause
// XGBoost's JSON (https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html), of which
// the numbers are texts where they are parameters.
#include <charconv>
#include <cmath>
#include <initializer_list>

#include "model/model_tree.hpp"

namespace dynmon {

namespace {

class XgboostReader {
public:
    explicit XgboostReader(const ModelTree& tree)
        : tree_(tree), learner_(tree.member(tree.root(), "learner")),
          booster_(tree.member(learner_, "gradient_booster")),
          param_(tree.member(learner_, "learner_model_param")) {}

    Forest read() const {
        Forest forest;
        forest.trainer = "xgboost" + version();
        forest.comparison = Comparison::float_below;
        forest.features = features();
        require_classifier();
        forest.base = margin_of_base();
        for (const Node& each : tree_.list(tree_.member(model(), "trees")))
            forest.trees.push_back(one(each, forest.features.size()));
        return forest;
    }

private:
    std::string version() const {
        std::string text;
        if (const Node* const version = ModelTree::find(tree_.root(), "version"))
            for (const Node& part : version->items)
                text += (text.empty() ? " " : ".") + part.text;
        return text;
    }

    const Node& model() const {
        const Node& name = tree_.member(booster_, "name");
        if (tree_.text(name) != "gbtree")
            tree_.refuse(name, "the booster is '" + name.text + "'",
                         "train with booster=\"gbtree\"");
        return tree_.member(booster_, "model");
    }

    std::vector<std::string> features() const {
        std::vector<std::string> names;
        const Node& list = tree_.member(learner_, "feature_names");
        for (const Node& name : tree_.list(list))
            names.push_back(tree_.text(name));
        if (names.empty())
            tree_.refuse(list, "the features have no names",
                         "train with a DataFrame, or set get_booster().feature_names");
        return names;
    }

    void require_classifier() const {
        const Node& name = tree_.member(tree_.member(learner_, "objective"), "name");
        if (tree_.text(name) != "binary:logistic" && name.text != "binary:logitraw")
            tree_.refuse(name, "the objective is '" + name.text + "'",
                         "train with \"binary:logistic\": a verdict is yes or no");
        if (const Node* const classes = ModelTree::find(param_, "num_class");
            classes != nullptr && parameter(*classes) > 1)
            tree_.refuse(*classes, classes->text + " classes", "train with two");
    }

    // 1.7 writes "5E-1", 3.1 "[5E-1]": a list with one number for each target.
    double parameter(const Node& node) const {
        std::string text = tree_.text(node);
        if (text.size() > 2 && text.front() == '[' && text.back() == ']')
            text = text.substr(1, text.size() - 2);
        double value = 0;
        const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
        if (result.ptr != text.data() + text.size() || result.ec != std::errc())
            tree_.refuse(node, "'" + node.text + "' is not a number");
        return value;
    }

    // A probability, whose margin XGBoost computes in float32.
    double margin_of_base() const {
        const Node& node = tree_.member(param_, "base_score");
        const float base = static_cast<float>(parameter(node));
        if (!(base > 0 && base < 1))
            tree_.refuse(node, "base_score is no probability between 0 and 1");
        return -std::log(1.0F / base - 1.0F);
    }

    Tree one(const Node& tree, std::size_t features) const {
        for (const char* const list : {"categories", "categories_nodes"})
            if (const Node* const found = ModelTree::find(tree, list);
                found != nullptr && !found->items.empty())
                tree_.refuse(*found, "a split by categories",
                             "train with enable_categorical=False");
        const Node& threshold = tree_.member(tree, "split_conditions");
        return tree_of(tree_,
                       {.left = &tree_.member(tree, "left_children"),
                        .right = &tree_.member(tree, "right_children"),
                        .feature = &tree_.member(tree, "split_indices"),
                        .threshold = &threshold,
                        .value = &threshold},
                       features);
    }

    const ModelTree& tree_;
    const Node &learner_, &booster_, &param_;
};

} // namespace

Forest read_xgboost(const ModelTree& tree) {
    return XgboostReader(tree).read();
}

} // namespace dynmon

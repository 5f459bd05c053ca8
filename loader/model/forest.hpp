// SPDX-License-Identifier: BSD-2-Clause
// A trained forest of decision trees, as its trainer wrote it: real thresholds, names of features.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/position.hpp"

namespace dynmon {

// How the trainer's own predict() compares a value with a threshold, to go left. Its thresholds
// mean nothing without it: of those of 2^24 and more, every tenth gives another verdict when it is
// only rounded to an integer.
enum class Comparison {
    float_at_most, // float32(value) <= threshold: scikit-learn
    float_below,   // float32(value) < float32(threshold): XGBoost
    at_most,       // value <= threshold in double: randomForest of R, PMML
    below,         // value < threshold in double: rpart, gbm
};

struct TreeNode {
    std::uint32_t left = 0; // 0: a leaf; no node has the root for a child
    std::uint32_t right = 0;
    std::uint32_t feature = 0;
    double threshold = 0;
    double value = 0; // of a leaf: what it adds to the score
    Position at;      // in the model's file

    bool is_leaf() const { return left == 0; }
};

// The root first. Every node but the root is the child of one other.
using Tree = std::vector<TreeNode>;

// The verdict is `attack` when base and the leaves add up to more than `threshold`.
struct Forest {
    std::string trainer; // "xgboost 1.7.4"
    Comparison comparison = Comparison::at_most;
    std::vector<std::string> features;
    std::vector<Tree> trees;
    double base = 0;
    double threshold = 0;
    std::string sha256; // of the file, 64 hex digits
};

inline constexpr std::size_t most_model_bytes = 64u << 20; // of a file

// XGBoost's JSON (`save_model("x.json")`) or dynmon's own, told apart by what is in it. Throws
// Error{usage} "FILE:LINE:COL: …" for what is neither, or is what the engine has not, by name.
// Pure.
Forest read_forest(const std::string& text, const std::string& file);

} // namespace dynmon

// SPDX-License-Identifier: BSD-2-Clause
#include "model/forest_image.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "../../bpf/forest_abi.h"
#include "base/error.hpp"

namespace dynmon {

namespace {

static_assert(forest_features == DYNMON_FOREST_FEATURES + 1);

constexpr std::uint32_t saturated = std::numeric_limits<std::uint32_t>::max();
constexpr int score_bits = 30; // a score of any number of trees is within 32 bits

[[noreturn]] void throw_too_much(const std::string& file, Position at, const std::string& what,
                                 std::size_t most, const std::string& hint) {
    throw Error(ErrorKind::usage,
                place_text(file, at) + ": more than " + std::to_string(most) + " " + what)
        .hint(hint);
}

// Number of a node in its tree → of what stands for it: a split that divides nothing is its child.
class LiveTree {
public:
    LiveTree(const Forest& forest, const Tree& tree, const std::vector<BoundFeature>& features,
             const std::string& file)
        : tree_(tree), last_left_(tree.size()), stands_for_(tree.size()) {
        // Children are found before their parents: a path is as long as the tree is deep.
        for (const std::uint32_t number : bottom_up())
            stands_for_[number] = settle(forest, number, features, file);
    }

    const TreeNode& node(std::uint32_t number) const { return tree_[number]; }
    std::uint32_t root() const { return stands_for_[0]; }
    std::uint32_t left(std::uint32_t number) const { return stands_for_[tree_[number].left]; }
    std::uint32_t right(std::uint32_t number) const { return stands_for_[tree_[number].right]; }
    std::uint32_t threshold(std::uint32_t number) const { return last_left_[number]; }
    std::size_t dead() const { return dead_; }

private:
    std::vector<std::uint32_t> bottom_up() const {
        std::vector<std::uint32_t> order{0};
        for (std::size_t i = 0; i < order.size(); ++i)
            if (const TreeNode& node = tree_[order[i]]; !node.is_leaf()) {
                order.push_back(node.left);
                order.push_back(node.right);
            }
        std::reverse(order.begin(), order.end());
        return order;
    }

    std::uint32_t settle(const Forest& forest, std::uint32_t number,
                         const std::vector<BoundFeature>& features, const std::string& file) {
        const TreeNode& node = tree_[number];
        if (node.is_leaf())
            return number;
        const FeatureRange& range = features[node.feature].range;
        const auto last = last_left(forest.comparison, node.threshold, range);
        if (!last || *last == last_rank(range)) {
            ++dead_;
            return stands_for_[last ? node.left : node.right];
        }
        if (*last >= saturated)
            throw Error(ErrorKind::usage, place_text(file, node.at) + ": the threshold " +
                                              std::to_string(node.threshold) + " of '" +
                                              forest.features[node.feature] + "' is beyond 32 bits")
                .hint("train with a feature in a larger unit, such as kilobytes or milliseconds");
        last_left_[number] = static_cast<std::uint32_t>(*last);
        return number;
    }

    const Tree& tree_;
    std::vector<std::uint32_t> last_left_;
    std::vector<std::uint32_t> stands_for_;
    std::size_t dead_ = 0;
};

double largest_score(const Forest& forest) {
    double sum = std::fabs(forest.base);
    for (const Tree& tree : forest.trees) {
        double largest = 0;
        for (const TreeNode& node : tree)
            if (node.is_leaf())
                largest = std::max(largest, std::fabs(node.value));
        sum += largest;
    }
    return sum;
}

double scale_for(const Forest& forest) {
    constexpr int most_bits = 60; // of a model whose leaves are next to nothing
    const double largest = largest_score(forest);
    const int bits =
        largest == 0 ? 0 : score_bits - static_cast<int>(std::ceil(std::log2(largest)));
    return std::ldexp(1, std::min(bits, most_bits));
}

// Half away from zero: the opposite value is the opposite integer, so that a vote that is a tie
// stays one.
std::int64_t scaled(double value, double scale) {
    return std::llround(value * scale);
}

// Beyond what any score can be, it does not matter by how much.
std::int64_t threshold_of(double scaled) {
    constexpr double beyond = 1e18;
    return static_cast<std::int64_t>(std::floor(std::clamp(scaled, -beyond, beyond)));
}

constexpr std::uint32_t next_of(std::uint32_t left, std::uint32_t feature) {
    return left << 6 | feature;
}

class Writer {
public:
    Writer(const Forest& forest, std::size_t room, const std::string& file, double scale)
        : forest_(forest), room_(room), file_(file),
          scale_(scale), nodes_{{0, next_of(0, DYNMON_FOREST_FEATURES)}} {}

    // Level by level; the two children of a split stand side by side. Returns the root.
    std::uint32_t add(const LiveTree& tree) {
        struct Waiting {
            std::uint32_t from;
            std::uint32_t to;
            std::size_t depth;
        };
        const std::uint32_t root = place(1, tree.node(tree.root()).at);
        std::vector<Waiting> waiting{{tree.root(), root, 0}};
        for (std::size_t i = 0; i < waiting.size(); ++i) {
            const auto [from, to, depth] = waiting[i];
            const TreeNode& node = tree.node(from);
            if (node.is_leaf()) {
                nodes_[to] = {static_cast<std::uint32_t>(scaled(node.value, scale_)),
                              next_of(to, DYNMON_FOREST_FEATURES)};
                continue;
            }
            if (depth == DYNMON_FOREST_DEPTH)
                throw_too_much(file_, node.at, "levels", DYNMON_FOREST_DEPTH,
                               "train with a smaller max_depth");
            depth_ = std::max(depth_, depth + 1);
            const std::uint32_t left = place(2, node.at);
            nodes_[to] = {tree.threshold(from), next_of(left, node.feature)};
            waiting.push_back({tree.left(from), left, depth + 1});
            waiting.push_back({tree.right(from), left + 1, depth + 1});
        }
        return root;
    }

    const std::vector<dynmon_node>& nodes() const { return nodes_; }
    std::size_t depth() const { return depth_; }

private:
    std::uint32_t place(std::size_t count, Position at) {
        const std::size_t first = nodes_.size();
        if (first + count > room_)
            throw_too_much(file_, at, "nodes", room_,
                           "train with fewer trees or a smaller max_depth, or give the probe more "
                           "room for its model");
        nodes_.resize(first + count);
        return static_cast<std::uint32_t>(first);
    }

    const Forest& forest_;
    std::size_t room_;
    const std::string& file_;
    double scale_;
    std::vector<dynmon_node> nodes_;
    std::size_t depth_ = 0;
};

void require_room(const Forest& forest, const std::string& file) {
    if (forest.features.size() > DYNMON_FOREST_FEATURES)
        throw_too_much(file, {}, "features", DYNMON_FOREST_FEATURES,
                       "train with those that matter most");
    if (forest.trees.size() > DYNMON_FOREST_TREES)
        throw_too_much(file, {}, "trees", DYNMON_FOREST_TREES, "train with a smaller n_estimators");
}

dynmon_forest header_of(const std::vector<std::byte>& bytes) {
    dynmon_forest header;
    std::memcpy(&header, bytes.data(), sizeof header);
    return header;
}

} // namespace

ForestImage::ForestImage(const Forest& forest, std::vector<BoundFeature> features, std::size_t room,
                         const std::string& file)
    : features_(std::move(features)), scale_(scale_for(forest)) {
    require_room(forest, file);
    // Each leaf, the base and the threshold are rounded once.
    most_error_ = static_cast<double>(forest.trees.size() + 2) / (2 * scale_);
    Writer writer(forest, room, file, scale_);
    dynmon_forest header{};
    header.version = DYNMON_FOREST_VERSION;
    for (const Tree& tree : forest.trees) {
        const LiveTree live(forest, tree, features_, file);
        header.roots[header.trees++] = writer.add(live);
        dead_ += live.dead();
    }
    header.features = static_cast<std::uint32_t>(features_.size());
    for (std::size_t i = 0; i < features_.size(); ++i) {
        const FeaturePlace& place = features_[i].place;
        header.gather[i] = {.at = place.at, .up = place.up, .down = place.down, .flip = place.flip};
    }
    header.depth = static_cast<std::uint32_t>(writer.depth());
    header.base = scaled(forest.base, scale_);
    header.threshold = threshold_of(forest.threshold * scale_);
    for (std::size_t i = 0; i < sizeof header.hash && 2 * i + 2 <= forest.sha256.size(); ++i)
        std::from_chars(&forest.sha256[2 * i], &forest.sha256[2 * i + 2], header.hash[i], 16);

    const auto& nodes = writer.nodes();
    bytes_.resize(sizeof header + nodes.size() * sizeof(dynmon_node));
    std::memcpy(bytes_.data(), &header, sizeof header);
    std::memcpy(bytes_.data() + sizeof header, nodes.data(), nodes.size() * sizeof(dynmon_node));
}

std::size_t ForestImage::nodes() const {
    return (bytes_.size() - sizeof(dynmon_forest)) / sizeof(dynmon_node);
}

std::size_t ForestImage::trees() const {
    return header_of(bytes_).trees;
}

std::size_t ForestImage::depth() const {
    return header_of(bytes_).depth;
}

const dynmon_node* ForestImage::node(std::uint32_t number) const {
    return reinterpret_cast<const dynmon_node*>(bytes_.data() + sizeof(dynmon_forest)) + number;
}

std::vector<std::uint32_t> ForestImage::path(std::size_t tree,
                                             const FeatureVector& features) const {
    std::vector<std::uint32_t> path{header_of(bytes_).roots[tree]};
    for (;;) {
        const dynmon_node& at = *node(path.back());
        const std::uint32_t next =
            (at.next >> 6) + (features[at.next & DYNMON_FOREST_FEATURES] > at.threshold ? 1 : 0);
        if (next == path.back() || (at.next & DYNMON_FOREST_FEATURES) == DYNMON_FOREST_FEATURES)
            return path;
        path.push_back(next);
    }
}

FeatureVector ForestImage::gather(std::span<const std::byte> source) const {
    FeatureVector vector{};
    for (std::size_t i = 0; i < features_.size(); ++i)
        vector[i] = features_[i].value(source);
    return vector;
}

std::int64_t ForestImage::score(const FeatureVector& features) const {
    const dynmon_forest header = header_of(bytes_);
    std::int64_t sum = header.base;
    for (std::size_t tree = 0; tree < header.trees; ++tree)
        sum += static_cast<std::int32_t>(node(path(tree, features).back())->threshold);
    return sum;
}

bool ForestImage::is_attack(const FeatureVector& features) const {
    return score(features) > header_of(bytes_).threshold;
}

} // namespace dynmon

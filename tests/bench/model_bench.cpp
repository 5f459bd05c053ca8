// SPDX-License-Identifier: BSD-2-Clause
// ns a verdict, of forests of several shapes.
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/types.h>
#include <sys/mman.h>

#include "../../bpf/forest_abi.h"
#include "measure.hpp"
#include "model/forest_image.hpp"
#include "model/place.hpp"
#include "rows.skel.h"
#include "test_run.hpp"

namespace bench {

namespace {

using namespace dynmon;

constexpr std::size_t row_count = 16384;
constexpr std::size_t feature_count = 12;

struct Shape {
    std::size_t trees, levels;
    double most; // ns; 0: no bar
};
// 2.2 ns a level of one tree, 1.1 ns a level of each of several, besides what a leaf alone takes.
constexpr Shape shapes[] = {{1, 10, 22},   {8, 6, 53},    {32, 6, 211},
                            {32, 10, 352}, {100, 6, 660}, {120, 8, 0}};

// Every split divides, by any feature, anywhere: the most that a forest of that shape can be.
Forest forest_of(const Shape& shape) {
    std::mt19937 random(1);
    Forest forest{.trainer = "bench", .comparison = Comparison::at_most};
    for (std::size_t i = 0; i < feature_count; ++i)
        forest.features.push_back("of[" + std::to_string(i) + "]");
    for (std::size_t i = 0; i < shape.trees; ++i) {
        Tree tree((std::size_t{2} << shape.levels) - 1);
        for (std::size_t node = 0; node < tree.size(); ++node) {
            tree[node].value = node % 2 == 0 ? 1 : -1;
            if (2 * node + 2 >= tree.size())
                continue;
            tree[node].left = static_cast<std::uint32_t>(2 * node + 1);
            tree[node].right = static_cast<std::uint32_t>(2 * node + 2);
            tree[node].feature = random() % feature_count;
            tree[node].threshold = random();
        }
        forest.trees.push_back(std::move(tree));
    }
    forest.sha256 = "0123456789abcdef";
    return forest;
}

class ModelBench {
public:
    ModelBench(const Setup& setup, Results& results, rows_bpf& own)
        : setup_(setup), results_(results), own_(own),
          place_(find_model_place(bpf_object__btf(own.obj), "", "the benchmark's object")) {
        fill_rows();
        add({.trees = 1, .levels = 0, .most = 0}, "12 features and a leaf", true);
        for (const Shape& shape : shapes)
            add(shape,
                std::to_string(shape.trees) + (shape.trees == 1 ? " tree of " : " trees of ") +
                    std::to_string(shape.levels) + " levels",
                true);
        constexpr Shape usual{32, 6, 0};
        add(usual, "32 trees of 6 levels, one row for ever", false).relative_to =
            "32 trees of 6 levels";
    }

    void run() {
        for (std::size_t round = 0; round < setup_.rounds; ++round)
            for (const Compared& each : compared_) {
                own_.bss->step = each.moves ? 1 : 0;
                put(each.image);
                const double without = ns(own_.progs.take);
                each.figure->samples.push_back(ns(own_.progs.judge) - without - leaf(each));
            }
    }

private:
    struct Compared {
        Figure* figure;
        ForestImage image;
        bool moves;
    };

    Figure& add(const Shape& shape, const std::string& name, bool moves) {
        const Forest forest = forest_of(shape);
        Figure& figure = results_.figure("models", name, "ns/verdict", {},
                                         shape.most > 0 ? std::optional(shape.most) : std::nullopt);
        compared_.push_back({&figure,
                             ForestImage(forest, bind_features(forest, place_.source, "bench"),
                                         place_.room, "bench"),
                             moves});
        return figure;
    }

    // What the first figure has is in none of the others.
    double leaf(const Compared& each) const {
        const Figure& first = *compared_.front().figure;
        return &each == &compared_.front() ? 0 : first.samples.back();
    }

    void fill_rows() {
        std::mt19937 random(2);
        std::vector<std::uint32_t> rows(row_count * feature_count);
        for (std::uint32_t& feature : rows)
            feature = random();
        const std::uint32_t only = 0;
        if (bpf_map_update_elem(bpf_map__fd(own_.maps.TABLE), &only, rows.data(), 0) != 0)
            throw std::runtime_error("fill the rows");
    }

    void put(const ForestImage& image) {
        const std::uint32_t only = 0, active = 0;
        std::vector<std::byte> value(place_.value_bytes);
        std::memcpy(value.data(), image.bytes().data(), image.bytes().size());
        const Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "model", sizeof only, place_.value_bytes, 1,
                                    nullptr));
        const int fd = map.get();
        if (!map || bpf_map_update_elem(fd, &only, value.data(), 0) != 0 ||
            bpf_map_update_elem(bpf_map__fd(own_.maps.MODEL), &active, &fd, 0) != 0)
            throw std::runtime_error("set the model");
    }

    double ns(const bpf_program* program) {
        const int fd = bpf_program__fd(program);
        own_.bss->turn = 0;
        ns_per_run(fd, frame_, row_count); // what is in use all the time is in the cache
        return ns_per_run(fd, frame_, 4 * row_count);
    }

    const Setup& setup_;
    Results& results_;
    rows_bpf& own_;
    const ModelPlace place_;
    const Bytes frame_ = Bytes(64);
    std::vector<Compared> compared_;
};

} // namespace

void measure_models(const Setup& setup, Results& results) {
    rows_bpf* own = rows_bpf::open_and_load();
    if (own == nullptr)
        throw std::runtime_error("load the benchmark's object");
    {
        const OneCpu pinned;
        ModelBench(setup, results, *own).run();
    }
    rows_bpf::destroy(own);
}

} // namespace bench

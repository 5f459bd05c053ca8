// SPDX-License-Identifier: BSD-2-Clause
// judge MODEL BITS ROWS: what the kernel and user space say of each row, "attack score error" a
// line. ROWS: a file of u64, as many for a row as the model has features, each of BITS bits ("s32":
// signed).
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <stdexcept>

#include <unistd.h>

#include <bpf/bpf.h>

#include "../../bpf/forest_abi.h"
#include "forest.skel.h"
#include "model/forest_image.hpp"
#include "model/place.hpp"

namespace {

using namespace dynmon;

constexpr std::size_t room = 65536;

class Kernel {
public:
    Kernel() : skeleton_(forest_bpf::open()) {
        if (skeleton_ == nullptr)
            throw std::runtime_error("the skeleton does not open");
        bpf_program__set_autoload(skeleton_->progs.forest_ingress_xdp, false);
        if (forest_bpf::load(skeleton_) != 0)
            throw std::runtime_error("the program does not load");
    }
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    ~Kernel() { forest_bpf::destroy(skeleton_); }

    struct Result {
        std::int64_t score;
        bool attack;
        bool same_hash;
    };

    const btf* types() const { return bpf_object__btf(skeleton_->obj); }

    Result judge(std::span<const std::byte> row) {
        const std::uint32_t only = 0;
        unsigned char frame[64] = {};
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof frame);
        const int fd = bpf_program__fd(skeleton_->progs.forest_ingress);
        if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.FEATURES), &only, row.data(), 0) != 0 ||
            bpf_prog_test_run_opts(fd, &options) != 0)
            throw std::runtime_error("the program does not run");
        const auto& result = skeleton_->bss->result;
        if (result.judged == 0)
            throw std::runtime_error("there is no model");
        return {result.score, result.attack != 0,
                std::memcmp(result.hash, hash_, sizeof hash_) == 0};
    }

    void set_model(const ForestImage& image) {
        const std::uint32_t only = 0, active = 0;
        std::vector<std::byte> value(sizeof(dynmon_forest) + room * sizeof(dynmon_node));
        std::memcpy(value.data(), image.bytes().data(), image.bytes().size());
        std::memcpy(hash_, value.data() + offsetof(dynmon_forest, hash), sizeof hash_);
        const int place = bpf_map_create(BPF_MAP_TYPE_ARRAY, "MODEL_active", sizeof only,
                                         static_cast<std::uint32_t>(value.size()), 1, nullptr);
        if (place < 0 || bpf_map_update_elem(place, &only, value.data(), 0) != 0 ||
            bpf_map_update_elem(bpf_map__fd(skeleton_->maps.MODEL), &active, &place, 0) != 0)
            throw std::runtime_error("the model cannot be set");
        ::close(place);
    }

private:
    forest_bpf* skeleton_;
    unsigned char hash_[8] = {};
};

std::string text_of(const char* path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

int run(const char* model, const char* rows_path) {
    const Forest forest = read_forest(text_of(model), model);
    Kernel kernel;
    const ModelPlace place = find_model_place(kernel.types(), "", "the test probe");
    const Layout& source = place.source;
    const ForestImage image(forest, bind_features(forest, source, model), place.room, model);
    kernel.set_model(image);
    const std::string rows = text_of(rows_path);
    for (std::size_t at = 0; at + source.size <= rows.size(); at += source.size) {
        const std::span row = std::as_bytes(std::span(rows)).subspan(at, source.size);
        const FeatureVector features = image.gather(row);
        const Kernel::Result in_kernel = kernel.judge(row);
        if (in_kernel.score != image.score(features) ||
            in_kernel.attack != image.is_attack(features) || !in_kernel.same_hash)
            throw std::runtime_error("row " + std::to_string(at / source.size) +
                                     ": kernel and user space differ");
        std::cout << in_kernel.attack << ' ' << static_cast<double>(in_kernel.score) / image.scale()
                  << ' ' << image.most_error() << '\n';
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3)
            throw std::runtime_error("usage: judge MODEL ROWS");
        std::cout.precision(17);
        return run(argv[1], argv[2]);
    } catch (const std::exception& error) {
        std::cerr << "judge: " << error.what() << '\n';
        return 1;
    }
}

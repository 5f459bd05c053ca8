// SPDX-License-Identifier: BSD-2-Clause
// Reading ahead on a second thread, over a walk that shows every fault of it.
#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "source/walk.hpp"

using namespace dynmon;

namespace {

// Batch n is full of the number n, in memory that is used again after walk_lanes batches.
class Numbers : public MapReader::Walk {
public:
    static constexpr std::uint32_t entries = 256;

    struct Plan {
        std::uint32_t batches = 0;
        std::uint32_t fails_at = UINT32_MAX;
    };
    Numbers(Plan plan, std::vector<std::thread::id>* callers = nullptr)
        : plan_(plan), callers_(callers) {}

    bool next(Batch& batch) override {
        if (callers_ != nullptr)
            callers_->push_back(std::this_thread::get_id());
        if (number_ == plan_.fails_at)
            throw Error(ErrorKind::failed, "the walk broke");
        if (number_ == plan_.batches)
            return false;
        auto& lane = lanes_[number_ % walk_lanes];
        lane.fill(number_++);
        const auto* bytes = reinterpret_cast<const std::byte*>(lane.data());
        batch = Batch{entries, bytes, bytes, sizeof lane[0], sizeof lane[0]};
        return true;
    }

private:
    Plan plan_;
    std::vector<std::thread::id>* callers_;
    std::uint32_t number_ = 0;
    std::array<std::array<std::uint32_t, entries>, walk_lanes> lanes_{};
};

std::uint32_t number_of(const Batch& batch) {
    const auto* numbers = reinterpret_cast<const std::uint32_t*>(batch.keys);
    CHECK(batch.count == Numbers::entries);
    CHECK(std::all_of(numbers, numbers + batch.count,
                      [&](std::uint32_t each) { return each == numbers[0]; }));
    return numbers[0];
}

std::unique_ptr<MapReader::Walk> ahead(Numbers::Plan plan,
                                       std::vector<std::thread::id>* callers = nullptr) {
    return walk_ahead(std::make_unique<Numbers>(plan, callers));
}

} // namespace

TEST_CASE("batches come in order, and each stays whole until the next is asked for") {
    const auto walk = ahead({.batches = 5000});
    Batch batch;
    std::uint32_t expected = 0;
    while (walk->next(batch)) {
        REQUIRE(number_of(batch) == expected++);
        if (expected % 500 == 0) // time to overtake
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        REQUIRE(number_of(batch) == expected - 1);
    }
    CHECK(expected == 5000);
    CHECK(!walk->next(batch)); // and so it stays
}

TEST_CASE("a map of few batches is read without a thread") {
    std::vector<std::thread::id> callers;
    const auto walk = ahead({.batches = 1}, &callers);
    Batch batch;
    CHECK(walk->next(batch));
    CHECK(!walk->next(batch));
    CHECK(callers == std::vector(2, std::this_thread::get_id()));
}

TEST_CASE("an error comes where it belongs, behind what was read before it") {
    for (const std::uint32_t at : {0u, 1u, 2u, 3u, 100u}) {
        CAPTURE(at);
        const auto walk = ahead({.batches = 200, .fails_at = at});
        Batch batch;
        for (std::uint32_t i = 0; i < at; ++i) {
            REQUIRE(walk->next(batch));
            CHECK(number_of(batch) == i);
        }
        CHECK_THROWS_WITH_AS(walk->next(batch), "the walk broke", Error);
    }
}

TEST_CASE("a consumer that goes away early stops the reader") {
    for (std::uint32_t taken = 0; taken < 20; ++taken) {
        const auto walk = ahead({.batches = UINT32_MAX});
        Batch batch;
        for (std::uint32_t i = 0; i < taken; ++i)
            REQUIRE(walk->next(batch));
    }
}

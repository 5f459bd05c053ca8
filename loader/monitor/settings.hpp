// What every operation on monitors needs to know.
#pragma once

#include <chrono>
#include <string>

#include "store/store.hpp"

namespace dynmon {

struct Settings {
    std::string bpffs = default_store;
    std::chrono::milliseconds lock_timeout{5000};

    Store open_store(bool create) const { return Store::open(bpffs, create, lock_timeout); }
};

} // namespace dynmon

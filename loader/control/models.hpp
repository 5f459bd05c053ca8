// SPDX-License-Identifier: BSD-2-Clause
// The models of a running monitor: which judge its packets, and what they said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/settings.hpp"
#include "kernel/bpf.hpp"
#include "model/forest_image.hpp"
#include "model/place.hpp"
#include "state/generation.hpp"
#include "state/lock.hpp"

namespace dynmon {

// As enum dynmon_model_slot of bpf/forest.h.
enum class ModelSlot : std::uint32_t { active = 0, shadow = 1 };
const char* to_string(ModelSlot slot);

// What a slot holds, as its map says it.
struct SetModel {
    ModelSlot slot = ModelSlot::active;
    std::string hash; // the first 16 hex digits of the SHA-256 of the model's file
    std::uint32_t trees = 0, depth = 0, features = 0;
};

// Since the probe was loaded, whichever models were set meanwhile.
struct Verdicts {
    std::uint64_t judged = 0, attacks = 0;
    std::uint64_t alone = 0; // attacks that are none to the other model
};

class Models {
public:
    enum class Access { look, write };

    // With `write` no other process changes the models of the monitor, or replaces it, meanwhile.
    // `map`: as find_model_place() takes it. Throws Error{usage} when there is no such monitor or
    // no such place.
    static Models open(const Settings& settings, const std::string& monitor, const std::string& map,
                       Access access);

    const ModelPlace& place() const { return place_; }

    std::optional<SetModel> model(ModelSlot slot) const;
    Verdicts verdicts(ModelSlot slot) const;

    // From its return on every packet is judged by the new model. The old one goes on until then,
    // and stays when something fails.
    void set(ModelSlot slot, const ForestImage& image) const;
    void clear(ModelSlot slot) const; // an empty slot stays so

private:
    Models() = default;

    ModelPlace place_;
    Fd slots_, verdicts_;
    std::optional<DirectoryLock> writing_;
};

} // namespace dynmon

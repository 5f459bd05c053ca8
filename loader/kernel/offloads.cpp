// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/offloads.hpp"

#include <cstdint>
#include <cstring>
#include <vector>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.hpp"

namespace dynmon {

namespace {

// An ioctl of ethtool, whose structure ends with as many elements as its middle says.
class Question {
public:
    Question(std::size_t size, const std::string& device)
        : bytes_((size + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)),
          socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        std::strncpy(request_.ifr_name, device.c_str(), sizeof request_.ifr_name - 1);
        request_.ifr_data = reinterpret_cast<char*>(bytes_.data());
    }
    template <typename Structure>
    Structure* as() {
        return reinterpret_cast<Structure*>(bytes_.data());
    }
    bool ask() { return socket_ && ioctl(socket_.get(), SIOCETHTOOL, &request_) == 0; }

private:
    std::vector<std::uint64_t> bytes_; // aligned
    Fd socket_;
    ifreq request_{};
};

std::uint32_t count_features(const std::string& device) {
    Question question(sizeof(ethtool_sset_info) + sizeof(std::uint32_t), device);
    auto* info = question.as<ethtool_sset_info>();
    info->cmd = ETHTOOL_GSSET_INFO;
    info->sset_mask = 1ull << ETH_SS_FEATURES;
    return question.ask() && info->sset_mask != 0 ? info->data[0] : 0;
}

std::vector<std::string> feature_names(const std::string& device, std::uint32_t count) {
    Question question(sizeof(ethtool_gstrings) + std::size_t{count} * ETH_GSTRING_LEN, device);
    auto* strings = question.as<ethtool_gstrings>();
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_FEATURES;
    strings->len = count;
    std::vector<std::string> names;
    if (!question.ask())
        return names;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* name = reinterpret_cast<const char*>(strings->data) + i * ETH_GSTRING_LEN;
        names.emplace_back(name, strnlen(name, ETH_GSTRING_LEN));
    }
    return names;
}

} // namespace

Offloads offloads_of(const std::string& device) {
    constexpr std::uint32_t bits = 32;
    const std::uint32_t count = count_features(device);
    const std::vector<std::string> names = feature_names(device, count);
    const std::uint32_t blocks = (count + bits - 1) / bits;
    Question question(sizeof(ethtool_gfeatures) + blocks * sizeof(ethtool_get_features_block),
                      device);
    auto* features = question.as<ethtool_gfeatures>();
    features->cmd = ETHTOOL_GFEATURES;
    features->size = blocks;
    Offloads offloads;
    if (names.empty() || !question.ask())
        return offloads;
    for (std::uint32_t i = 0; i < count; ++i) {
        const ethtool_get_features_block& block = features->features[i / bits];
        const std::uint32_t bit = 1u << i % bits;
        if ((block.active & bit) == 0)
            continue;
        const bool changes = (block.available & bit) != 0 && (block.never_changed & bit) == 0;
        (changes ? offloads.on : offloads.fixed).insert(names[i]);
    }
    return offloads;
}

} // namespace dynmon

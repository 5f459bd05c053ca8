// SPDX-License-Identifier: BSD-2-Clause
#include "measure.hpp"

#include <algorithm>
#include <stdexcept>

#include <unistd.h>

namespace bench {

void take_turns(const std::vector<Contender>& contenders) {
    std::size_t rounds = 0;
    for (const Contender& contender : contenders)
        rounds = std::max(rounds, contender.rounds);
    for (std::size_t round = 0; round < rounds; ++round)
        for (const Contender& contender : contenders)
            if (round < contender.rounds)
                contender.figure.samples.push_back(contender.measure());
}

std::string contents(const dynmon::Fd& file) {
    std::string text(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
    if (::pread(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        throw std::runtime_error("read back what was printed");
    return text;
}

} // namespace bench

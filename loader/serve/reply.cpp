// SPDX-License-Identifier: BSD-2-Clause
#include "serve/reply.hpp"

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"

namespace dynmon::serve {

Reply error_reply(const HttpError& error) {
    const auto or_null = [](const std::string& text) {
        return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
    };
    return {.status = error.status(),
            .text = json_text(nlohmann::ordered_json{{"what", error.what()},
                                                     {"field", or_null(error.field())},
                                                     {"hint", or_null(error.hint())}}) +
                    "\n",
            .headers = error.headers()};
}

} // namespace dynmon::serve

// SPDX-License-Identifier: BSD-2-Clause
// The JSON object in the body of a request, field by field. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dynmon::serve {

// Every field is asked for by name; finish() refuses those that were not. Errors are HttpError{400}
// whose field is a JSON pointer.
class Body {
public:
    // Throws for text that is no JSON object, deeper than 32, or has a key twice. "": {}.
    explicit Body(const std::string& text);
    ~Body();
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

    bool has(const std::string& name);
    std::string text(const std::string& name, const std::string& preset = "");
    std::string required_text(const std::string& name);
    // One of `words`.
    std::string word(const std::string& name, const std::vector<std::string>& words,
                     const std::string& preset = "");
    bool flag(const std::string& name, bool preset = false);
    std::optional<std::uint64_t> number(const std::string& name);
    std::vector<std::string> texts(const std::string& name);
    // {"a": "1", "b": 2} → {"a=1", "b=2"}
    std::vector<std::string> assignments(const std::string& name);
    void finish() const;

private:
    struct Document;
    std::unique_ptr<Document> document_;
};

} // namespace dynmon::serve

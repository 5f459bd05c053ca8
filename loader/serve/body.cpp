// SPDX-License-Identifier: BSD-2-Clause
#include "serve/body.hpp"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "base/identifier.hpp"
#include "serve/request.hpp"

namespace dynmon::serve {

namespace {

constexpr int most_depth = 32;

HttpError bad(const std::string& field, const std::string& what, const std::string& hint = "") {
    return {400, field.empty() ? "the body " + what : "'" + field + "' " + what,
            field.empty() ? "body" : "/" + field, hint};
}

// Parses text of strangers: no key may hide another, and no nesting may be deep.
nlohmann::json parse(const std::string& text) {
    std::vector<std::set<std::string>> keys;
    const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
        using Event = nlohmann::json::parse_event_t;
        if (depth >= most_depth)
            throw bad("", "is nested deeper than " + std::to_string(most_depth));
        if (event == Event::object_start)
            keys.emplace_back();
        else if (event == Event::object_end)
            keys.pop_back();
        else if (event == Event::key && !keys.back().insert(value.get<std::string>()).second)
            throw bad(value.get<std::string>(), "stands there twice");
        return true;
    };
    try {
        return nlohmann::json::parse(text, check);
    } catch (const nlohmann::json::exception& fault) {
        throw bad("", "is no JSON: " + std::string(fault.what()));
    }
}

} // namespace

struct Body::Document {
    nlohmann::json json = nlohmann::json::object();
    std::set<std::string> asked;

    // Null: it is not there.
    const nlohmann::json* find(const std::string& name) {
        asked.insert(name);
        const auto found = json.find(name);
        return found == json.end() || found->is_null() ? nullptr : &*found;
    }
};

Body::Body(const std::string& text) : document_(std::make_unique<Document>()) {
    if (text.find_first_not_of(" \t\r\n") != std::string::npos)
        document_->json = parse(text);
    if (!document_->json.is_object())
        throw bad("", "is no JSON object");
}

Body::~Body() = default;

bool Body::has(const std::string& name) {
    return document_->find(name) != nullptr;
}

std::string Body::text(const std::string& name, const std::string& preset) {
    const nlohmann::json* const value = document_->find(name);
    if (value == nullptr)
        return preset;
    if (!value->is_string())
        throw bad(name, "is no text");
    auto text = value->get<std::string>();
    if (std::any_of(text.begin(), text.end(),
                    [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        throw bad(name, "has a control character");
    return text;
}

std::string Body::required_text(const std::string& name) {
    std::string found = text(name);
    if (found.empty())
        throw bad(name, "is missing");
    return found;
}

std::string Body::word(const std::string& name, const std::vector<std::string>& words,
                       const std::string& preset) {
    std::string found = text(name, preset);
    if (found == preset || std::find(words.begin(), words.end(), found) != words.end())
        return found;
    std::string list;
    for (const std::string& each : words)
        list += (list.empty() ? "" : ", ") + each;
    throw bad(name, "cannot be '" + found + "'", "one of " + list);
}

bool Body::flag(const std::string& name, bool preset) {
    const nlohmann::json* const value = document_->find(name);
    if (value == nullptr)
        return preset;
    if (!value->is_boolean())
        throw bad(name, "is neither true nor false");
    return value->get<bool>();
}

std::optional<std::uint64_t> Body::number(const std::string& name) {
    const nlohmann::json* const value = document_->find(name);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_number_unsigned())
        throw bad(name, "is no whole number from 0");
    return value->get<std::uint64_t>();
}

std::vector<std::string> Body::texts(const std::string& name) {
    const nlohmann::json* const value = document_->find(name);
    std::vector<std::string> texts;
    if (value == nullptr)
        return texts;
    if (!value->is_array())
        throw bad(name, "is no list of texts");
    for (const nlohmann::json& each : *value) {
        if (!each.is_string())
            throw bad(name, "is no list of texts");
        texts.push_back(each.get<std::string>());
    }
    return texts;
}

std::vector<std::string> Body::assignments(const std::string& name) {
    const nlohmann::json* const value = document_->find(name);
    std::vector<std::string> assignments;
    if (value == nullptr)
        return assignments;
    if (!value->is_object())
        throw bad(name, "is no object of names and values");
    for (const auto& [key, each] : value->items()) {
        if (!is_identifier(key))
            throw bad(name + "/" + key, "is no name of a parameter");
        if (!each.is_string() && !each.is_number() && !each.is_boolean())
            throw bad(name + "/" + key, "is neither text nor number");
        assignments.push_back(key + "=" +
                              (each.is_string() ? each.get<std::string>() : each.dump()));
    }
    return assignments;
}

void Body::finish() const {
    for (const auto& [key, value] : document_->json.items())
        if (!document_->asked.contains(key)) {
            const std::string nearest =
                nearest_name(key, {document_->asked.begin(), document_->asked.end()});
            throw bad(key, "is unknown", nearest.empty() ? "" : "did you mean '" + nearest + "'?");
        }
}

} // namespace dynmon::serve

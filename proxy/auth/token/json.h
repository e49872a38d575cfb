// JSON from strangers: within a depth, and read key by key without exceptions. For this folder's .cc files.
//
// Threading: none of its own.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::auth::token {

// The document's object; nothing when it is none, or nested deeper than any token or key is.
inline std::optional<nlohmann::json> parse_object(std::string_view text) {
  constexpr int deepest = 8;
  struct TooDeep {};
  const auto bounded = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > deepest) throw TooDeep();
    return true;
  };
  try {
    auto value = nlohmann::json::parse(text, bounded, false);
    if (value.is_object()) return value;
  } catch (const TooDeep&) {
  }
  return std::nullopt;
}

// The text under a key: "" when there is none or null; nothing when it is something else.
inline std::optional<std::string> text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// The list of texts under a key; likewise.
inline std::optional<std::vector<std::string>> texts_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  std::vector<std::string> texts;
  if (found == object.end() || found->is_null()) return texts;
  if (!found->is_array()) return std::nullopt;
  for (const auto& item : *found) {
    if (!item.is_string()) return std::nullopt;
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

}  // namespace caisson::auth::token

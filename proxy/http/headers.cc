#include "http/headers.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::http {
namespace {

constexpr std::size_t usual_number = 16;  // of fields: room for most messages, made once

}  // namespace

const std::string* Headers::find(std::string_view name) const noexcept {
  for (const HeaderField& field : fields_) {
    if (text::iequals(field.name, name)) return &field.value;
  }
  return nullptr;
}

std::size_t Headers::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(), [&](const HeaderField& f) { return text::iequals(f.name, name); }));
}

std::optional<std::string> Headers::joined(std::string_view name) const {
  std::optional<std::string> all;
  for (const HeaderField& field : fields_) {
    if (!text::iequals(field.name, name)) continue;
    if (all) {
      *all += ", ";
      *all += field.value;
    } else {
      all = field.value;
    }
  }
  return all;
}

bool Headers::lists(std::string_view name, std::string_view token) const noexcept {
  for (const HeaderField& field : fields_) {
    if (!text::iequals(field.name, name)) continue;
    std::string_view rest = field.value;
    for (;;) {
      const std::size_t comma = rest.find(',');
      if (text::iequals(text::trimmed(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

void Headers::add(std::string name, std::string value) {
  if (fields_.capacity() == 0) fields_.reserve(usual_number);
  fields_.push_back({std::move(name), std::move(value)});
}

void Headers::set(std::string_view name, std::string value) {
  const auto first =
      std::find_if(fields_.begin(), fields_.end(), [&](const HeaderField& f) { return text::iequals(f.name, name); });
  if (first == fields_.end()) return add(std::string(name), std::move(value));
  first->value = std::move(value);
  fields_.erase(
      std::remove_if(first + 1, fields_.end(), [&](const HeaderField& f) { return text::iequals(f.name, name); }),
      fields_.end());
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const HeaderField& f) { return text::iequals(f.name, name); });
}

}  // namespace caisson::http

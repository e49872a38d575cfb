#include "registry/routes/query.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::registry {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '+', ' ');
  return text::percent_decoded(plain);
}

}  // namespace

std::optional<std::string> query_value(std::string_view args, std::string_view name) {
  for (const std::string_view part : text::split(args, '&')) {
    const std::size_t equals = part.find('=');
    if (decoded(part.substr(0, equals)) != name) continue;
    return decoded(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1));
  }
  return std::nullopt;
}

std::vector<std::string> query_values(std::string_view args, std::string_view name) {
  std::vector<std::string> values;
  for (const std::string_view part : text::split(args, '&')) {
    const std::size_t equals = part.find('=');
    if (decoded(part.substr(0, equals)) != name) continue;
    auto value = decoded(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1));
    if (value) values.push_back(std::move(*value));
  }
  return values;
}

std::string query_escaped(std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-_.~";
  std::string escaped;
  for (const char c : value) {
    const bool letter = text::lower(c) >= 'a' && text::lower(c) <= 'z';
    if (letter || text::is_digit(c) || kPlain.find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      escaped += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return escaped;
}

}  // namespace caisson::registry

#include "registry/store/name.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <ctime>

#include "base/text.h"
#include "registry/store/files.h"

namespace caisson::registry::store {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestTag = 128;

bool is_alphanumeric(char c) noexcept { return text::is_digit(c) || (c >= 'a' && c <= 'z'); }

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool is_component(std::string_view part) noexcept {
  std::size_t i = 0;
  const auto skip_run = [&] {
    const std::size_t start = i;
    while (i < part.size() && is_alphanumeric(part[i])) ++i;
    return i > start;
  };
  if (!skip_run()) return false;
  while (i < part.size()) {
    const char separator = part[i];
    if (separator != '.' && separator != '_' && separator != '-') return false;
    std::size_t count = 0;
    while (i < part.size() && part[i] == separator) ++i, ++count;
    if ((separator == '.' && count > 1) || (separator == '_' && count > 2)) return false;
    if (!skip_run()) return false;
  }
  return true;
}

Error refused(std::string_view what) { return {ErrorCode::BadRequest, std::string(what)}; }

}  // namespace

Result<RepositoryName> RepositoryName::parse(std::string_view text) {
  if (text.size() > kLongestName) return refused("repository name too long");
  for (const std::string_view part : text::split(text, '/')) {
    if (!is_component(part)) return refused("not a repository name");
  }
  return RepositoryName(std::string(text));
}

Result<Tag> Tag::parse(std::string_view text) {
  if (text.empty() || text.size() > kLongestTag) return refused("tag empty or too long");
  const auto allowed = [](char c) { return is_alphanumeric(text::lower(c)) || c == '_' || c == '.' || c == '-'; };
  if (text[0] == '.' || text[0] == '-' || !std::all_of(text.begin(), text.end(), allowed)) return refused("not a tag");
  return Tag(std::string(text));
}

Result<UploadId> UploadId::parse(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  const auto fits = [](char shape, char c) {
    return shape == '-' ? c == '-' : text::is_digit(c) || (c >= 'a' && c <= 'f');
  };
  if (!std::equal(kShape.begin(), kShape.end(), text.begin(), text.end(), fits)) return refused("not an upload id");
  return UploadId(std::string(text));
}

UploadId UploadId::generate() {
  std::array<std::byte, 16> raw = random_bytes();
  raw[6] = (raw[6] & std::byte{0x0f}) | std::byte{0x40};  // RFC 4122, section 4.4: version 4, variant 10
  raw[8] = (raw[8] & std::byte{0x3f}) | std::byte{0x80};
  std::string id = text::to_hex(raw);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) id.insert(at, 1, '-');
  return UploadId(std::move(id));
}

Result<TrashName> TrashName::parse(std::string_view text) {
  constexpr std::string_view kShape = "ddddddddTddddddZ-xxxxxxxx";
  const auto fits = [](char shape, char c) {
    if (shape == 'd') return text::is_digit(c);
    return shape == 'x' ? text::is_digit(c) || (c >= 'a' && c <= 'f') : c == shape;
  };
  if (!std::equal(kShape.begin(), kShape.end(), text.begin(), text.end(), fits)) return refused("not a name of trash");
  std::string name(text);
  std::tm utc{};
  const char* const rest = ::strptime(name.c_str(), "%Y%m%dT%H%M%SZ", &utc);
  if (rest == nullptr || *rest != '-') return refused("not a name of trash");
  return TrashName(std::move(name), std::chrono::system_clock::from_time_t(::timegm(&utc)));
}

TrashName TrashName::generate(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ-", &utc);
  return {std::string(text.data(), length) + text::to_hex(random_bytes()).substr(0, 8),
          std::chrono::system_clock::from_time_t(seconds)};
}

std::strong_ordering compare_components(std::string_view a, std::string_view b) noexcept {
  const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end(),
                                                [&](char x, char y) { return rank(x) <=> rank(y); });
}

}  // namespace caisson::registry::store

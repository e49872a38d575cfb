// Small operations on text that more than one folder needs. ASCII only: protocol text has no locale.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::text {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// The value of one hexadecimal digit in either case, or -1.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool iequals(std::string_view a, std::string_view b) noexcept;
std::string lowered(std::string_view text);
std::string_view trimmed(std::string_view text, std::string_view what = " \t") noexcept;
std::vector<std::string_view> split(std::string_view text, char at);

// All of `text` as an unsigned decimal number without sign; nothing on any other character, on overflow, on "".
std::optional<std::uint64_t> to_number(std::string_view text) noexcept;

// Lower-case hexadecimal digits of the bytes.
std::string to_hex(std::span<const std::byte> bytes);

// RFC 4648 base64 with padding. decode: nothing when any character is outside the alphabet or the length is wrong;
// missing padding is accepted, as nginx accepts it.
std::string to_base64(std::span<const std::byte> bytes);
std::optional<std::string> from_base64(std::string_view text);

// "%41" -> "A"; nothing when a percent sign is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text);

inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view view_of(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace caisson::text

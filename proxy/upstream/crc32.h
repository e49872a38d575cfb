// The CRC-32 of ISO 3309 (ITU-T V.42), fed piece by piece; the hash of `hash KEY`.
//
// Ownership: a value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace caisson::upstream {

namespace detail {

constexpr std::array<std::uint32_t, 256> make_crc32_table() {
  std::array<std::uint32_t, 256> made{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t rest = i;
    for (int bit = 0; bit < 8; ++bit) rest = (rest & 1) != 0 ? 0xedb88320U ^ (rest >> 1) : rest >> 1;
    made[i] = rest;
  }
  return made;
}
inline constexpr std::array<std::uint32_t, 256> crc32_table = make_crc32_table();

}  // namespace detail

class Crc32 {
 public:
  Crc32& add(std::string_view bytes) noexcept {
    for (const char c : bytes)
      state_ = detail::crc32_table[(state_ ^ static_cast<unsigned char>(c)) & 0xff] ^ (state_ >> 8);
    return *this;
  }
  std::uint32_t value() const noexcept { return ~state_; }

 private:
  std::uint32_t state_ = 0xffffffffU;
};

}  // namespace caisson::upstream

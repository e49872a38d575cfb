// Much of something that shows when a byte of it is lost, doubled or moved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "integration/wire.h"

namespace integration {

constexpr std::uint64_t mib = 1024UL * 1024;

// A megabyte that repeats nowhere within itself, so that lost or doubled bytes show.
inline const std::string& pattern() {
  static const std::string made = [] {
    std::string bytes(mib, '\0');
    std::uint64_t state = 88172645463325252ULL;
    for (char& byte : bytes) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      byte = static_cast<char>(state);
    }
    return bytes;
  }();
  return made;
}

// Compares what comes with an endless repetition of the pattern.
class PatternCheck {
 public:
  void take(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::string_view expected = std::string_view(pattern()).substr(size_ % pattern().size(), bytes.size());
      intact_ = intact_ && bytes.starts_with(expected);
      bytes.remove_prefix(expected.size());
      size_ += expected.size();
    }
  }
  bool intact() const noexcept { return intact_; }
  std::uint64_t size() const noexcept { return size_; }

 private:
  std::uint64_t size_ = 0;
  bool intact_ = true;
};

// So many bytes of it, but for the first `sent`.
inline void send_pattern(Wire& wire, std::uint64_t size, std::uint64_t sent = 0) {
  while (sent < size) {
    const std::string_view next = std::string_view(pattern()).substr(sent % mib, size - sent);
    wire.send(next);
    sent += next.size();
  }
}

// REQUIRES: `size` is a number of whole megabytes.
inline void send_chunked_pattern(Wire& wire, std::uint64_t size) {
  const std::string chunk = as_chunk(pattern());
  for (std::uint64_t sent = 0; sent < size; sent += mib) wire.send(chunk);
  wire.send("0\r\n\r\n");
}

inline PatternCheck read_pattern(Wire& wire, std::uint64_t size) {
  PatternCheck check;
  while (check.size() < size) {
    const std::string_view bytes = wire.read_some();
    if (bytes.empty()) break;
    check.take(bytes);
  }
  return check;
}

inline PatternCheck read_chunked_pattern(Wire& wire) {
  PatternCheck check;
  for (;;) {
    const std::uint64_t size = std::stoull(wire.read_until("\r\n"), nullptr, 16);
    check.take(wire.read(size));
    wire.read(2);
    if (size == 0) return check;
  }
}

}  // namespace integration

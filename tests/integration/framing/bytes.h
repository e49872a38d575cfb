// Bytes that the tests of framing send.
#pragma once

#include <string>
#include <string_view>

namespace integration {

// What a server would take for a request if it lost count.
inline const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

inline std::string line_of(std::size_t size, std::string_view start) {
  return std::string(start) + std::string(size - start.size(), 'x');
}

inline std::string chunked_post(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

}  // namespace integration

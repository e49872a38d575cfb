#include "http/host.h"

#include "base/text.h"

namespace caisson::http {

std::optional<std::string> host_name(std::string_view authority) {
  for (const char c : authority) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '/') return std::nullopt;
  }
  if (authority.find("..") != std::string_view::npos) return std::nullopt;

  // The port is not looked at: whatever follows the first colon (or the bracket) is not part of the name.
  std::size_t end = authority.find(':');
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    end = bracket == std::string_view::npos ? bracket : bracket + 1;
  }
  std::string_view name = authority.substr(0, end);
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) return std::nullopt;
  return text::lowered(name);
}

}  // namespace caisson::http

#include "gateway/host.h"

#include "base/text.h"

namespace caisson::gateway {

std::optional<std::string> valid_host(std::string_view authority) {
  std::string host;
  bool in_brackets = false;
  std::size_t end = authority.size();
  for (std::size_t i = 0; i < authority.size(); ++i) {
    const char c = authority[i];
    if (c == '.' && i > 0 && authority[i - 1] == '.') return std::nullopt;
    if (c == '[' && i == 0) in_brackets = true;
    if (c == ']') in_brackets = false;
    if (c == ':' && !in_brackets && end == authority.size()) end = i;
    if (c == '/' || static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return std::nullopt;
  }
  std::string_view name = authority.substr(0, end);
  if (name.ends_with('.')) name.remove_suffix(1);
  return text::lowered(name);
}

std::string host_name(const http::RequestHead& request) {
  if (!request.target.host.empty()) return valid_host(request.target.host).value_or(std::string());
  const std::string* header = request.headers.find("Host");
  return header == nullptr ? std::string() : valid_host(*header).value_or(std::string());
}

}  // namespace caisson::gateway

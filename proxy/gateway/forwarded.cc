#include "gateway/forwarded.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::gateway {

std::optional<ForwardedPeer> parse_peer(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    if (text.substr(end + 1).starts_with(':')) port = text.substr(end + 2);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
  }
  const auto address = IpAddress::parse(host);
  if (!address) return std::nullopt;
  const auto number = text::to_number(port);
  return ForwardedPeer{*address, static_cast<std::uint16_t>(number && *number <= 65535 ? *number : 0)};
}

std::optional<ForwardedPeer> forwarded_peer(std::string_view list,
                                            const std::function<bool(const IpAddress&)>& trusted) {
  std::optional<ForwardedPeer> found;
  while (!list.empty()) {
    const std::size_t end = list.find_last_not_of(" ,");
    if (end == std::string_view::npos) break;
    list = list.substr(0, end + 1);
    const std::size_t begin = list.find_last_of(" ,");
    const std::string_view last = begin == std::string_view::npos ? list : list.substr(begin + 1);
    const std::optional<ForwardedPeer> peer = parse_peer(last);
    if (!peer) break;
    found = peer;
    if (!trusted(found->address) || begin == std::string_view::npos) break;
    list = list.substr(0, begin);
  }
  return found;
}

}  // namespace caisson::gateway

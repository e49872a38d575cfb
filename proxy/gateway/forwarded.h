// Whom X-Forwarded-For and its like name. ngx_http_get_forwarded_addr
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "gateway/network.h"

namespace caisson::gateway {

struct ForwardedPeer {
  IpAddress address;
  std::uint16_t port = 0;  // 0: not told
};

// "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]:4711", "2001:db8::1".
std::optional<ForwardedPeer> parse_peer(std::string_view text);

// The last of a list of peers, or, as long as these are `trusted`, the one before. Nothing when the last is no address.
std::optional<ForwardedPeer> forwarded_peer(std::string_view list,
                                            const std::function<bool(const IpAddress&)>& trusted);

}  // namespace caisson::gateway

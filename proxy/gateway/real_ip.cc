#include "gateway/real_ip.h"

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <vector>

#include "base/text.h"
#include "gateway/forwarded.h"
#include "gateway/network.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

constexpr std::string_view by_proxy_protocol = "proxy_protocol";

struct RealIpSettings {
  std::optional<std::vector<Network>> trusted;
  std::optional<std::string> header;
  std::optional<bool> recursive;
  void inherit(const RealIpSettings& outer) {
    rules::inherit(trusted, outer.trusted);
    rules::inherit(header, outer.header);
    rules::inherit(recursive, outer.recursive);
  }
  template <class Address>
  bool trusts(const Address& address) const {
    return std::any_of(trusted->begin(), trusted->end(), [&](const Network& n) { return n.contains(address); });
  }
};

struct Taken {
  bool done = false;
};

}  // namespace

void take_real_ip(rules::RequestState& state) {
  const RealIpSettings& settings = state.settings<RealIpSettings>();
  Taken& taken = state.data<Taken>();
  if (!settings.trusted || taken.done || !settings.trusts(state.exchange.connection().client_address)) return;
  const std::string header = settings.header.value_or("X-Real-IP");
  if (header == by_proxy_protocol) {
    const auto& forwarded = state.exchange.connection().forwarded;
    const auto address = forwarded ? IpAddress::parse(forwarded->client_address) : std::nullopt;
    if (!address) return;
    state.exchange.set_client_address(address->str(), forwarded->client_port);
    taken.done = true;
    return;
  }
  const auto value = state.exchange.request().headers.joined(header);
  if (!value || value->empty()) return;
  // Any header but X-Forwarded-For holds one address.
  const bool list = text::iequals(header, "X-Forwarded-For");
  const auto trusted = [&](const IpAddress& one) { return settings.recursive.value_or(false) && settings.trusts(one); };
  std::optional<ForwardedPeer> peer = list ? forwarded_peer(*value, trusted) : parse_peer(text::trimmed(*value));
  if (!list && !peer) peer = forwarded_peer(*value, trusted);
  if (!peer) return;
  state.exchange.set_client_address(peer->address.str(), peer->port);
  taken.done = true;
}

namespace {

Result<void> add_trusted(Loader& loader, const Directive& d) {
  const auto network = Network::parse(d.args[0]);
  if (!network) {
    return config::error_at(d.at, "host not found in set_real_ip_from \"" + d.args[0] + '"',
                            "write an address or a network, as 192.0.2.0/24");
  }
  if (network->host_bits) loader.warn(d.at, "low address bits of " + d.args[0] + " are meaningless");
  auto& trusted = loader.level().own<RealIpSettings>().trusted;
  if (!trusted) trusted.emplace();
  trusted->push_back(*network);
  return {};
}

// $proxy_protocol_*: what the proxy in front said, whether or not it is trusted.
template <auto Member>
rules::Value said_by_proxy(rules::RequestState& state, std::string_view) {
  const auto& forwarded = state.exchange.connection().forwarded;
  if (!forwarded) return std::nullopt;
  if constexpr (std::is_same_v<decltype((*forwarded).*Member), const std::uint16_t&>) {
    return std::to_string((*forwarded).*Member);
  } else {
    return (*forwarded).*Member;
  }
}

using http::ForwardedConnection;
using rules::VariableSpec;

constexpr std::array variables = {
    VariableSpec{"proxy_protocol_addr", &said_by_proxy<&ForwardedConnection::client_address>},
    VariableSpec{"proxy_protocol_port", &said_by_proxy<&ForwardedConnection::client_port>},
    VariableSpec{"proxy_protocol_server_addr", &said_by_proxy<&ForwardedConnection::server_address>},
    VariableSpec{"proxy_protocol_server_port", &said_by_proxy<&ForwardedConnection::server_port>},
};

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"set_real_ip_from", everywhere, 1, 1, none, &add_trusted},
    DirectiveSpec{"real_ip_header", everywhere, 1, 1, none, &rules::set_text<&RealIpSettings::header>},
    DirectiveSpec{"real_ip_recursive", everywhere, 1, 1, none, &rules::set_flag<&RealIpSettings::recursive>},
};

}  // namespace

void describe_real_ip(rules::Language& language) {
  language.add_directives(directives);
  language.add_variables(variables);
}

}  // namespace caisson::gateway

#include "gateway/geo.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "gateway/network.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

struct Geo {
  struct Entry {
    Network network;
    std::string value;
  };
  rules::Template source;  // whose address; with `by_client`: the client's
  bool by_client = true;
  std::vector<Entry> entries;  // the longest prefix first
  std::string otherwise;       // "default"

  rules::Value value(rules::RequestState& state) const {
    const std::string text = by_client ? state.exchange.client_address() : source.expand(state);
    const auto address = IpAddress::parse(text);
    if (!address) return otherwise;
    for (const Entry& entry : entries) {
      if (entry.network.contains(*address)) return entry.value;
    }
    return otherwise;
  }
};

Result<void> add_entry(Loader& loader, const Directive& line, Geo& geo) {
  if (line.args.size() != 1) return config::error_at(line.at, "invalid number of the geo parameters");
  const std::string& value = line.args[0];
  if (line.name == "default") {
    geo.otherwise = value;
    return {};
  }
  if (line.name == "delete" || line.name == "proxy" || line.name == "ranges") {
    return config::error_at(line.at, "\"" + line.name + "\" in \"geo\" is not supported",
                            "write networks; for a proxy in front use \"set_real_ip_from\"");
  }
  const auto network = Network::parse(line.name);
  if (!network || network->unix_sockets) return config::error_at(line.at, "invalid network \"" + line.name + '"');
  if (network->host_bits) loader.warn(line.at, "low address bits of " + line.name + " are meaningless");
  const auto same = std::find_if(geo.entries.begin(), geo.entries.end(), [&](const Geo::Entry& entry) {
    return entry.network.first == network->first && entry.network.bits == network->bits;
  });
  if (same != geo.entries.end()) {
    loader.warn(line.at,
                "duplicate network \"" + line.name + "\", value: \"" + value + "\", old value: \"" + same->value + '"');
    same->value = value;
    return {};
  }
  geo.entries.push_back({*network, value});
  return {};
}

Result<void> add_geo(Loader& loader, const Directive& d) {
  const std::string& name = d.args.back();
  if (!name.starts_with('$') || name.size() < 2) return config::error_at(d.at, "invalid variable name \"" + name + '"');
  auto geo = std::make_shared<Geo>();
  if (d.args.size() == 2) {
    Result<rules::Template> source = loader.compile(d.args[0], d);
    if (!source.ok()) return std::move(source).error();
    geo->source = std::move(source).value();
    geo->by_client = false;
  }
  for (const Directive& line : d.block) {
    if (line.name == "ranges" && line.args.empty()) {
      return config::error_at(line.at, "\"ranges\" in \"geo\" is not supported", "write networks, as 192.0.2.0/24");
    }
    if (Result<void> added = add_entry(loader, line, *geo); !added.ok()) loader.note(std::move(added).error());
  }
  std::stable_sort(geo->entries.begin(), geo->entries.end(),
                   [](const Geo::Entry& a, const Geo::Entry& b) { return a.network.bits > b.network.bits; });
  const auto made = loader.define_variable(name, d, [geo](rules::RequestState& state) { return geo->value(state); });
  return made.ok() ? Result<void>() : Result<void>(made.error());
}

constexpr std::array directives = {
    DirectiveSpec{"geo", rules::Http, 1, 2, DirectiveSpec::Body::Required, &add_geo},
};

}  // namespace

void describe_geo(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway

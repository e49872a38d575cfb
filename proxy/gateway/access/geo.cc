#include "gateway/access/geo.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "gateway/access/address_ranges.h"
#include "gateway/forwarded.h"
#include "gateway/network.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

// Stands for whoever has no address: a unix socket, a variable that holds something else.
const IpAddress nobody = IpAddress::v4(0xffffffffU);

struct Geo {
  struct Entry {
    Network network;
    std::string value;
  };
  std::optional<rules::Template> source;  // whose address; nothing: the client's
  std::vector<Network> proxies;           // that X-Forwarded-For is believed from
  bool proxies_recursive = false;
  // Either of these:
  std::vector<Entry> networks;  // the longest prefix first, once all are there
  std::optional<AddressRanges> ranges;
  std::optional<std::string> otherwise;  // "default"; of networks: what has no prefix at all

  bool trusts(const IpAddress& address) const {
    return std::any_of(proxies.begin(), proxies.end(), [&](const Network& n) { return n.contains(address); });
  }

  // ngx_http_geo_addr
  IpAddress address_of(rules::RequestState& state) const {
    const std::string text = source ? source->expand(state) : state.exchange.client_address();
    IpAddress address = IpAddress::parse(text).value_or(nobody);
    if (proxies.empty() || !trusts(address)) return address;
    const auto list = state.exchange.request().headers.joined("X-Forwarded-For");
    if (!list) return address;
    const auto trusted = [this](const IpAddress& one) { return proxies_recursive && trusts(one); };
    if (const auto peer = forwarded_peer(*list, trusted)) address = peer->address;
    return address;
  }

  rules::Value value(rules::RequestState& state) const {
    const IpAddress address = address_of(state);
    if (ranges) {
      const std::string* found = ranges->find(address.v6 ? nobody.v4_number() : address.v4_number());
      return found != nullptr ? *found : otherwise.value_or("");
    }
    for (const Entry& entry : networks) {
      if (entry.network.contains(address)) return entry.value;
    }
    return otherwise.value_or("");
  }
};

// The lines of a block.
class Reader {
 public:
  Reader(Loader& loader, Geo& geo) : loader_(loader), geo_(geo) {}

  Result<void> read(const Directive& line) {
    if (line.args.empty() && line.name == "ranges") return begin_ranges(line);
    if (line.args.empty() && line.name == "proxy_recursive") {
      geo_.proxies_recursive = true;
      return {};
    }
    if (line.args.size() != 1) return config::error_at(line.at, "invalid number of the geo parameters");
    if (line.name == "proxy") return add_proxy(line);
    if (line.name == "default") return set_default(line);
    if (line.name == "delete") return geo_.ranges ? delete_range(line) : delete_network(line);
    return geo_.ranges ? add_range(line) : add_network(line);
  }

 private:
  Result<void> begin_ranges(const Directive& line) {
    if (!geo_.networks.empty() || (geo_.otherwise && !geo_.ranges)) {
      return config::error_at(line.at, "the \"ranges\" directive must be the first directive inside \"geo\" block");
    }
    if (!geo_.ranges) geo_.ranges.emplace();
    return {};
  }

  Result<Network> network(const config::SourcePos& at, const std::string& text) {
    const auto network = Network::parse(text);
    if (!network || network->unix_sockets) return config::error_at(at, "invalid network \"" + text + '"');
    if (network->host_bits) loader_.warn(at, "low address bits of " + text + " are meaningless");
    return *network;
  }

  Result<void> add_proxy(const Directive& line) {
    Result<Network> proxy = network(line.at, line.args[0]);
    if (!proxy.ok()) return std::move(proxy).error();
    geo_.proxies.push_back(proxy.value());
    return {};
  }

  void tell_duplicate(const Directive& line, std::string_view what, std::string_view name, const std::string& old) {
    loader_.warn(line.at, "duplicate " + std::string(what) + " \"" + std::string(name) + "\", value: \"" +
                              line.args[0] + "\", old value: \"" + old + '"');
  }

  Result<void> set_default(const Directive& line) {
    if (geo_.otherwise && geo_.ranges) {
      loader_.warn(line.at, "duplicate default geo range value: \"" + line.args[0] + "\", old value: \"" +
                                *geo_.otherwise + '"');
    } else if (geo_.otherwise) {
      tell_duplicate(line, "network", "default", *geo_.otherwise);
    }
    geo_.otherwise = line.args[0];
    return {};
  }

  auto find(const Network& network) {
    return std::find_if(geo_.networks.begin(), geo_.networks.end(), [&](const Geo::Entry& entry) {
      return entry.network.first == network.first && entry.network.bits == network.bits;
    });
  }

  Result<void> add_network(const Directive& line) {
    Result<Network> read = network(line.at, line.name);
    if (!read.ok()) return std::move(read).error();
    if (const auto same = find(read.value()); same != geo_.networks.end()) {
      tell_duplicate(line, "network", line.name, same->value);
      same->value = line.args[0];
      return {};
    }
    geo_.networks.push_back({read.value(), line.args[0]});
    return {};
  }

  Result<void> delete_network(const Directive& line) {
    Result<Network> read = network(line.at, line.args[0]);
    if (!read.ok()) return std::move(read).error();
    if (const auto same = find(read.value()); same != geo_.networks.end()) {
      geo_.networks.erase(same);
    } else {
      loader_.warn(line.at, "no network \"" + line.args[0] + "\" to delete");
    }
    return {};
  }

  Result<AddressRange> range(const config::SourcePos& at, const std::string& text) {
    const auto range = AddressRange::parse(text);
    if (!range) return config::error_at(at, "invalid range \"" + text + '"');
    return *range;
  }

  Result<void> add_range(const Directive& line) {
    Result<AddressRange> read = range(line.at, line.name);
    if (!read.ok()) return std::move(read).error();
    const auto duplicate = [&](const std::string& old) { tell_duplicate(line, "range", line.name, old); };
    Result<void> added = geo_.ranges->add(read.value(), line.args[0], duplicate);
    if (added.ok()) return {};
    return config::error_at(line.at, "range \"" + line.name + "\" overlaps \"" + added.error().what + '"');
  }

  Result<void> delete_range(const Directive& line) {
    Result<AddressRange> read = range(line.at, line.args[0]);
    if (!read.ok()) return std::move(read).error();
    if (!geo_.ranges->remove(read.value())) {
      loader_.warn(line.at, "no address range \"" + line.args[0] + "\" to delete");
    }
    return {};
  }

  Loader& loader_;
  Geo& geo_;
};

Result<void> add_geo(Loader& loader, const Directive& d) {
  const std::string& subject = d.args.front();
  if (!subject.starts_with('$') || subject.size() < 2) {
    return config::error_at(d.at, "invalid variable name \"" + subject + '"');
  }
  auto geo = std::make_shared<Geo>();
  if (d.args.size() == 2) {
    Result<rules::Template> source = loader.compile(subject, d);
    if (!source.ok()) return std::move(source).error();
    geo->source = std::move(source).value();
  }
  Reader reader(loader, *geo);
  for (const Directive& line : d.block) {
    if (Result<void> read = reader.read(line); !read.ok()) loader.note(std::move(read).error());
  }
  std::stable_sort(geo->networks.begin(), geo->networks.end(),
                   [](const Geo::Entry& a, const Geo::Entry& b) { return a.network.bits > b.network.bits; });
  const auto made =
      loader.define_variable(d.args.back(), d, [geo](rules::RequestState& state) { return geo->value(state); });
  return made.ok() ? Result<void>() : Result<void>(made.error());
}

constexpr std::array directives = {
    DirectiveSpec{"geo", rules::Http, 1, 2, DirectiveSpec::Body::Required, &add_geo},
};

}  // namespace

void describe_geo(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway

// ngx_http_proxy_module's directives: where a request goes and what it looks like there.

#include <algorithm>
#include <array>
#include <utility>

#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/setters.h"
#include "upstream/directives.h"
#include "upstream/proxy_pass.h"
#include "upstream/settings.h"

namespace caisson::upstream {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

Proxying& Proxying::of(Loader& loader) {
  auto& made = loader.root().own<Proxying>();
  if (!made.upstreams) made.upstreams = std::make_shared<Upstreams>(loader.services().names);
  return made;
}

ProxySettings& own(Loader& loader) { return loader.level().own<ProxySettings>(); }

namespace {

Result<void> proxy_pass(Loader& loader, const Directive& d) {
  auto& content = loader.level().own<rules::Content>();
  if (content.handler) return config::config_error(d, "is duplicate");
  Result<rules::Template> url = loader.compile(d.args[0], d);
  if (!url.ok()) return std::move(url).error();
  if (url.value().constant()) {
    Result<ProxyUrl> parsed = ProxyUrl::parse(d.args[0]);
    if (!parsed.ok()) {
      return config::error_at(d.at, parsed.error().what + " in upstream \"" + d.args[0] + '"',
                              "a backend is written http://HOST:PORT");
    }
    if (!parsed.value().uri.empty() && !loader.level().own<rules::LocationPrefix>().path) {
      return config::error_at(d.at,
                              "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside "
                              "named location, or inside \"if\" statement, or inside \"limit_except\" block");
    }
  }
  Proxying& proxying = Proxying::of(loader);
  auto pass = std::make_shared<ProxyPass>(std::move(url).value(), proxying.upstreams, loader.level(), d.at);
  proxying.passes.push_back(pass);
  content.handler = std::move(pass);
  return {};
}

// Ties every proxy_pass to its backend, whether its upstream block came before or after it.
Result<void> bind_passes(Loader& loader, rules::Level&) {
  for (const auto& pass : Proxying::of(loader).passes) {
    if (Result<void> bound = pass->bind(); !bound.ok()) loader.note(std::move(bound).error());
  }
  return {};
}

Result<void> set_header(Loader& loader, const Directive& d) {
  Result<rules::Template> value = loader.compile(d.args[1], d);
  if (!value.ok()) return std::move(value).error();
  auto& headers = own(loader).set_headers;
  if (!headers) headers.emplace();
  headers->push_back({d.args[0], std::move(value).value()});
  return {};
}

// proxy_bind ADDRESS [transparent] | off. ngx_http_upstream_bind_set_slot
Result<void> bind(Loader& loader, const Directive& d) {
  auto& bound = own(loader).bind;
  if (bound) return config::config_error(d, "is duplicate");
  if (d.args.size() == 1 && d.args[0] == "off") {
    bound.emplace();
    return {};
  }
  Result<rules::Template> address = loader.compile(d.args[0], d);
  if (!address.ok()) return std::move(address).error();
  if (address.value().constant() && !BindAddress::parse(d.args[0])) {
    return config::error_at(d.at, "invalid address \"" + d.args[0] + '"');
  }
  if (d.args.size() == 2 && d.args[1] != "transparent") {
    return config::error_at(d.at, "invalid parameter \"" + d.args[1] + '"');
  }
  bound.emplace(BindAddress{std::move(address).value(), d.args.size() == 2});
  return {};
}

Result<void> store(Loader&, const Directive& d) {
  if (d.args[0] == "off") return {};
  return config::config_error(
      d, "is not supported",
      "answers are passed on and never written to files; take the directive out, or write \"proxy_store off;\"");
}

Result<void> next_upstream(Loader& loader, const Directive& d) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 13> known{{{"error", OnError},
                                                                         {"timeout", OnTimeout},
                                                                         {"invalid_header", OnInvalidHeader},
                                                                         {"non_idempotent", OnNonIdempotent},
                                                                         {"http_500", On500},
                                                                         {"http_502", On502},
                                                                         {"http_503", On503},
                                                                         {"http_504", On504},
                                                                         {"http_403", On403},
                                                                         {"http_404", On404},
                                                                         {"http_429", On429},
                                                                         {"updating", 0},  // of the cache
                                                                         {"off", 0}}};
  auto& on = own(loader).next_upstream;
  if (on) return config::config_error(d, "is duplicate");
  unsigned bits = 0;
  for (const std::string& word : d.args) {
    const auto* found = std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.first == word; });
    if (found == known.end()) return config::error_at(d.at, "invalid value \"" + word + '"');
    bits |= found->second;
  }
  on = bits;
  return {};
}

Result<void> take_slots(Loader& loader, rules::Level& root) {
  root.own<ProxySettings>().slots = loader.services().slots;
  return {};
}

constexpr auto None = DirectiveSpec::Body::None;
constexpr unsigned anywhere = rules::Http | rules::Server | rules::Location;
using S = ProxySettings;

constexpr std::array directives = {
    DirectiveSpec{"proxy_pass", rules::Location | rules::IfInLocation | rules::LimitExcept, 1, 1, None, &proxy_pass},
    DirectiveSpec{"proxy_set_header", anywhere, 2, 2, None, &set_header},
    DirectiveSpec{"proxy_method", anywhere, 1, 1, None, &rules::set_template<&S::method>},
    DirectiveSpec{"proxy_set_body", anywhere, 1, 1, None, &rules::set_template<&S::body>},
    DirectiveSpec{"proxy_bind", anywhere, 1, 2, None, &bind},
    DirectiveSpec{"proxy_limit_rate", anywhere, 1, 1, None, &rules::set_size<&S::limit_rate>},
    DirectiveSpec{"proxy_buffering", anywhere, 1, 1, None, &rules::set_flag<&S::buffering>, always_streaming},
    DirectiveSpec{"proxy_store", anywhere, 1, 1, None, &store},
    DirectiveSpec{"proxy_connect_timeout", anywhere, 1, 1, None, &rules::set_milliseconds<&S::connect_timeout>},
    DirectiveSpec{"proxy_send_timeout", anywhere, 1, 1, None, &rules::set_milliseconds<&S::send_timeout>},
    DirectiveSpec{"proxy_read_timeout", anywhere, 1, 1, None, &rules::set_milliseconds<&S::read_timeout>},
    DirectiveSpec{"proxy_pass_request_body", anywhere, 1, 1, None, &rules::set_flag<&S::pass_request_body>},
    DirectiveSpec{"proxy_pass_request_headers", anywhere, 1, 1, None, &rules::set_flag<&S::pass_request_headers>},
    DirectiveSpec{"proxy_ignore_client_abort", anywhere, 1, 1, None, &rules::set_flag<&S::ignore_client_abort>},
    DirectiveSpec{"proxy_next_upstream", anywhere, 1, rules::any_number, None, &next_upstream},
    DirectiveSpec{"proxy_next_upstream_tries", anywhere, 1, 1, None, &rules::set_number<&S::next_upstream_tries>},
    DirectiveSpec{"proxy_next_upstream_timeout", anywhere, 1, 1, None,
                  &rules::set_milliseconds<&S::next_upstream_timeout>},
    DirectiveSpec{"proxy_buffer_size", anywhere, 1, 1, None, &rules::set_size<&S::buffer_size>},
};

}  // namespace

void describe_proxy_pass(rules::Language& language) {
  language.add_directives(directives);
  describe_response_directives(language);
  describe_tls_directives(language);
  describe_settled_directives(language);
  describe_cache_directives(language);
  language.add_block_end(rules::Main, &take_slots);
  language.add_finish(&bind_passes);
}

}  // namespace caisson::upstream

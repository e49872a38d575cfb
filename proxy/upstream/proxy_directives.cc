// ngx_http_proxy_module's directives.

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

namespace {

ProxySettings& own(Loader& loader) { return loader.level().own<ProxySettings>(); }

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

template <auto Member>
Result<void> add_name(Loader& loader, const Directive& d) {
  auto& names = own(loader).*Member;
  if (!names) names.emplace();
  names->push_back(d.args[0]);
  return {};
}

// PATTERN REPLACEMENT, where the pattern may be a regex: "~..." or "~*...".
Result<RewriteRule> rewrite_rule(Loader& loader, const Directive& d, bool letters_matter) {
  RewriteRule rule;
  std::string_view pattern = d.args[0];
  if (pattern.starts_with('~')) {
    pattern.remove_prefix(1);
    const bool ignored = pattern.starts_with('*') || !letters_matter;
    if (pattern.starts_with('*')) pattern.remove_prefix(1);
    Result<rules::Regex> regex =
        loader.regex(pattern, ignored ? rules::Regex::Case::Ignored : rules::Regex::Case::Sensitive, d);
    if (!regex.ok()) return std::move(regex).error();
    rule.pattern = std::move(regex).value();
  } else {
    Result<rules::Template> text = loader.compile(pattern, d);
    if (!text.ok()) return std::move(text).error();
    rule.pattern = std::move(text).value();
  }
  Result<rules::Template> replacement = loader.compile(d.args[1], d);
  if (!replacement.ok()) return std::move(replacement).error();
  rule.replacement = std::move(replacement).value();
  return rule;
}

template <auto Member>
Result<void> add_rewrite_rule(Loader& loader, const Directive& d) {
  auto& rules = own(loader).*Member;
  if (rules && rules->empty()) return config::config_error(d, "is duplicate");  // "off" stands alone
  if (d.args.size() == 2) {
    Result<RewriteRule> rule = rewrite_rule(loader, d, Member == &ProxySettings::redirects);
    if (!rule.ok()) return std::move(rule).error();
    if (!rules) rules.emplace();
    rules->push_back(std::move(rule).value());
    return {};
  }
  if (d.args[0] == "off" && !rules) {
    rules.emplace();
    return {};
  }
  if (d.args[0] == "default" && Member == &ProxySettings::redirects) {
    if (!rules) rules.emplace();
    rules->emplace_back();
    return {};
  }
  return config::error_at(d.at, "invalid parameter \"" + d.args[0] + '"');
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

Result<void> http_version(Loader&, const Directive& d) {
  if (d.args[0] == "1.0" || d.args[0] == "1.1") return {};
  return config::error_at(d.at, "invalid value \"" + d.args[0] + '"', "backends are always spoken to in HTTP/1.1");
}

// Directives about buffers and spools: what they say is checked and has no effect, since nothing is ever spooled.
Result<void> check_flag(Loader&, const Directive& d) {
  Result<bool> flag = config::flag_arg(d);
  return flag.ok() ? Result<void>() : Result<void>(std::move(flag).error());
}
Result<void> check_offset(Loader&, const Directive& d) {
  Result<std::uint64_t> size = config::offset_arg(d);
  return size.ok() ? Result<void>() : Result<void>(std::move(size).error());
}
Result<void> check_number(Loader&, const Directive& d) {
  Result<std::uint64_t> number = config::number_arg(d);
  return number.ok() ? Result<void>() : Result<void>(std::move(number).error());
}
Result<void> check_buffers(Loader&, const Directive& d) {
  if (Result<std::uint64_t> number = config::number_arg(d, 0); !number.ok()) return std::move(number).error();
  if (Result<std::uint64_t> size = config::size_arg(d, 1); !size.ok()) return std::move(size).error();
  return {};
}

Result<void> ssl_trusted_certificate(Loader& loader, const Directive& d) {
  auto& file = own(loader).ssl_trusted_certificate;
  if (file) return config::config_error(d, "is duplicate");
  PemFile read;
  read.path = loader.from_conf(d.args[0]);
  Result<std::string> content = loader.files().read(read.path);
  if (!content.ok()) return config::error_at(d.at, content.error().what);
  read.content = std::move(content).value();
  file = std::move(read);
  return {};
}

Result<void> ssl_protocols(Loader& loader, const Directive& d) {
  auto& protocols = own(loader).ssl_protocols;
  if (protocols) return config::config_error(d, "is duplicate");
  constexpr std::array<std::string_view, 6> known = {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  for (const std::string& name : d.args) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return config::error_at(d.at, "invalid value \"" + name + '"');
    }
  }
  protocols = d.args;
  return {};
}

Result<void> no_client_certificate(Loader&, const Directive& d) {
  return config::config_error(d, "is not supported yet", "backends that ask for client certificates cannot be used");
}

constexpr auto None = DirectiveSpec::Body::None;
constexpr unsigned anywhere = rules::Http | rules::Server | rules::Location;
using S = ProxySettings;

constexpr std::array directives = {
    DirectiveSpec{"proxy_pass", rules::Location | rules::IfInLocation | rules::LimitExcept, 1, 1, None, &proxy_pass},
    DirectiveSpec{"proxy_set_header", anywhere, 2, 2, None, &set_header},
    DirectiveSpec{"proxy_hide_header", anywhere, 1, 1, None, &add_name<&S::hide_headers>},
    DirectiveSpec{"proxy_pass_header", anywhere, 1, 1, None, &add_name<&S::pass_headers>},
    DirectiveSpec{"proxy_redirect", anywhere, 1, 2, None, &add_rewrite_rule<&S::redirects>},
    DirectiveSpec{"proxy_cookie_path", anywhere, 1, 2, None, &add_rewrite_rule<&S::cookie_paths>},
    DirectiveSpec{"proxy_cookie_domain", anywhere, 1, 2, None, &add_rewrite_rule<&S::cookie_domains>},
    DirectiveSpec{"proxy_connect_timeout", anywhere, 1, 1, None, &rules::set_milliseconds<&S::connect_timeout>},
    DirectiveSpec{"proxy_send_timeout", anywhere, 1, 1, None, &rules::set_milliseconds<&S::send_timeout>},
    DirectiveSpec{"proxy_read_timeout", anywhere, 1, 1, None, &rules::set_milliseconds<&S::read_timeout>},
    DirectiveSpec{"proxy_pass_request_body", anywhere, 1, 1, None, &rules::set_flag<&S::pass_request_body>},
    DirectiveSpec{"proxy_pass_request_headers", anywhere, 1, 1, None, &rules::set_flag<&S::pass_request_headers>},
    DirectiveSpec{"proxy_intercept_errors", anywhere, 1, 1, None, &rules::set_flag<&S::intercept_errors>},
    DirectiveSpec{"proxy_ignore_client_abort", anywhere, 1, 1, None, &rules::set_flag<&S::ignore_client_abort>},
    DirectiveSpec{"proxy_repair_location", anywhere, 1, 1, None, &rules::set_flag<&S::repair_location>},
    DirectiveSpec{"proxy_next_upstream", anywhere, 1, rules::any_number, None, &next_upstream},
    DirectiveSpec{"proxy_next_upstream_tries", anywhere, 1, 1, None, &rules::set_number<&S::next_upstream_tries>},
    DirectiveSpec{"proxy_next_upstream_timeout", anywhere, 1, 1, None,
                  &rules::set_milliseconds<&S::next_upstream_timeout>},
    DirectiveSpec{"proxy_http_version", anywhere, 1, 1, None, &http_version},
    DirectiveSpec{"proxy_buffer_size", anywhere, 1, 1, None, &rules::set_size<&S::buffer_size>},
    DirectiveSpec{"proxy_buffering", anywhere, 1, 1, None, &check_flag},
    DirectiveSpec{"proxy_request_buffering", anywhere, 1, 1, None, &check_flag},
    DirectiveSpec{"proxy_buffers", anywhere, 2, 2, None, &check_buffers},
    DirectiveSpec{"proxy_busy_buffers_size", anywhere, 1, 1, None, &check_offset},
    DirectiveSpec{"proxy_max_temp_file_size", anywhere, 1, 1, None, &check_offset},
    DirectiveSpec{"proxy_temp_file_write_size", anywhere, 1, 1, None, &check_offset},
    DirectiveSpec{"proxy_temp_path", anywhere, 1, 4, None, nullptr},
    DirectiveSpec{"proxy_ignore_headers", anywhere, 1, rules::any_number, None, nullptr},
    DirectiveSpec{"proxy_socket_keepalive", anywhere, 1, 1, None, &check_flag},
    DirectiveSpec{"proxy_headers_hash_max_size", anywhere, 1, 1, None, &check_number},
    DirectiveSpec{"proxy_headers_hash_bucket_size", anywhere, 1, 1, None, &check_number},
    DirectiveSpec{"proxy_ssl_verify", anywhere, 1, 1, None, &rules::set_flag<&S::ssl_verify>},
    DirectiveSpec{"proxy_ssl_verify_depth", anywhere, 1, 1, None, &rules::set_number<&S::ssl_verify_depth>},
    DirectiveSpec{"proxy_ssl_server_name", anywhere, 1, 1, None, &rules::set_flag<&S::ssl_server_name>},
    DirectiveSpec{"proxy_ssl_name", anywhere, 1, 1, None, &rules::set_template<&S::ssl_name>},
    DirectiveSpec{"proxy_ssl_trusted_certificate", anywhere, 1, 1, None, &ssl_trusted_certificate},
    DirectiveSpec{"proxy_ssl_protocols", anywhere, 1, rules::any_number, None, &ssl_protocols},
    DirectiveSpec{"proxy_ssl_ciphers", anywhere, 1, 1, None, &rules::set_text<&S::ssl_ciphers>},
    DirectiveSpec{"proxy_ssl_session_reuse", anywhere, 1, 1, None, &check_flag},
    DirectiveSpec{"proxy_ssl_certificate", anywhere, 1, 1, None, &no_client_certificate},
    DirectiveSpec{"proxy_ssl_certificate_key", anywhere, 1, 1, None, &no_client_certificate},
};

}  // namespace

void describe_proxy_pass(rules::Language& language) {
  language.add_directives(directives);
  language.add_finish(&bind_passes);
}

}  // namespace caisson::upstream

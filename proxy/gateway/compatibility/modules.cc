// load_module: what a module would add is here already, or refused by its own directives.

#include <algorithm>
#include <array>
#include <string_view>

#include "gateway/compatibility/parts.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

// Those of nginx and of Debian's packages, between "ngx_" and "_module.so". "ndk_http" is a library of others.
constexpr std::array<std::string_view, 31> known = {
    "http_auth_pam",
    "http_brotli_filter",
    "http_brotli_static",
    "http_cache_purge",
    "http_dav_ext",
    "http_echo",
    "http_fancyindex",
    "http_geoip",
    "http_geoip2",
    "http_headers_more_filter",
    "http_image_filter",
    "http_js",
    "http_lua",
    "http_ndk",
    "http_perl",
    "http_subs_filter",
    "http_uploadprogress",
    "http_upstream_fair",
    "http_xslt_filter",
    "mail",
    "nchan",
    "otel",
    "rtmp",
    "stream",
    "stream_geoip",
    "stream_geoip2",
    "stream_js",
    "http_auth_jwt",
    "http_modsecurity",
    "http_vhost_traffic_status",
    "http_auth_ldap",
};

// load_module FILE;
Result<void> load_module(Loader& loader, const Directive& d) {
  if (!loader.root().inner().empty()) return config::config_error(d, "is specified too late");
  std::string_view name = d.args[0];
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  if (name == "ndk_http_module.so") return {};
  constexpr std::string_view before = "ngx_";
  constexpr std::string_view behind = "_module.so";
  if (name.starts_with(before) && name.ends_with(behind) && name.size() > before.size() + behind.size()) {
    name = name.substr(before.size(), name.size() - before.size() - behind.size());
    if (std::find(known.begin(), known.end(), name) != known.end()) return {};
  }
  return config::error_at(d.at, "module \"" + d.args[0] + "\" is not known here",
                          "modules cannot be loaded; what those of nginx add is built in, or refused by its own name");
}

constexpr std::array directives = {
    DirectiveSpec{"load_module", rules::Main, 1, 1, DirectiveSpec::Body::None, &load_module,
                  "what it would add is built in, or refused by its own name"},
};

}  // namespace

void describe_modules(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway

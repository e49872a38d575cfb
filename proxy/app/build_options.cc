#include "app/build_options.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace caisson::app {

namespace {

// A module of nginx, by a directive that nobody could honour without it.
struct Module {
  std::string_view name;
  std::string_view directive;
  unsigned block = 0;  // where the directive has to stand; 0: anywhere
};

// nginx has these unless it is told not to.
constexpr std::array usual = {
    Module{"http_charset_module", "charset"},
    Module{"http_gzip_module", "gzip"},
    Module{"http_ssi_module", "ssi_types"},
    Module{"http_userid_module", "userid_name"},
    Module{"http_access_module", "deny"},
    Module{"http_auth_basic_module", "auth_basic"},
    Module{"http_mirror_module", "mirror"},
    Module{"http_autoindex_module", "autoindex"},
    Module{"http_geo_module", "geo"},
    Module{"http_map_module", "map"},
    Module{"http_split_clients_module", "split_clients"},
    Module{"http_referer_module", "valid_referers"},
    Module{"http_rewrite_module", "rewrite"},
    Module{"http_proxy_module", "proxy_pass"},
    Module{"http_fastcgi_module", "fastcgi_pass"},
    Module{"http_uwsgi_module", "uwsgi_pass"},
    Module{"http_scgi_module", "scgi_pass"},
    Module{"http_grpc_module", "grpc_pass"},
    Module{"http_memcached_module", "memcached_pass"},
    Module{"http_limit_conn_module", "limit_conn"},
    Module{"http_limit_req_module", "limit_req"},
    Module{"http_empty_gif_module", "empty_gif"},
    Module{"http_browser_module", "ancient_browser"},
    Module{"http_upstream_hash_module", "hash"},
    Module{"http_upstream_ip_hash_module", "ip_hash"},
    Module{"http_upstream_least_conn_module", "least_conn"},
    Module{"http_upstream_random_module", "random"},
    Module{"http_upstream_keepalive_module", "keepalive"},
    Module{"http_upstream_zone_module", "zone", rules::Upstream},
};

// nginx has these when it is told so.
constexpr std::array optional = {
    Module{"http_ssl_module", "ssl_certificate"},
    Module{"http_realip_module", "set_real_ip_from"},
    Module{"http_addition_module", "add_after_body"},
    Module{"http_sub_module", "sub_filter"},
    Module{"http_dav_module", "dav_methods"},
    Module{"http_flv_module", "flv"},
    Module{"http_mp4_module", "mp4"},
    Module{"http_gunzip_module", "gunzip"},
    Module{"http_gzip_static_module", "gzip_static"},
    Module{"http_auth_request_module", "auth_request"},
    Module{"http_random_index_module", "random_index"},
    Module{"http_secure_link_module", "secure_link"},
    Module{"http_stub_status_module", "stub_status"},
};

bool honours(const rules::Language& language, const Module& module) {
  const auto meanings = language.find(module.directive);
  return std::any_of(meanings.begin(), meanings.end(), [&](const rules::DirectiveSpec* spec) {
    return spec->effective() && (module.block == 0 || (spec->blocks & module.block) != 0);
  });
}

}  // namespace

std::string configure_arguments(const rules::Language& language) {
  std::string text =
      "configure arguments: --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --error-log-path=stderr "
      "--http-log-path=/var/log/nginx/access.log --pid-path=/run/nginx.pid --with-threads";
  for (const Module& module : optional) {
    if (honours(language, module)) text.append(" --with-").append(module.name);
  }
  for (const Module& module : usual) {
    if (!honours(language, module)) text.append(" --without-").append(module.name);
  }
  // Answers of backends are never kept.
  return text + " --without-http-cache\n";
}

}  // namespace caisson::app

// Directives of nginx and of its modules that are refused: never ignored, and never a riddle.

#include <array>
#include <string_view>

#include "gateway/compatibility/parts.h"

namespace caisson::gateway {

using rules::RefusedDirective;

namespace {

constexpr std::string_view other_gateway =
    "leave that location to nginx, and let its traffic pass by or behind this proxy";
constexpr std::string_view passwords = "use \"auth_basic\" with \"auth_basic_user_file\", or client certificates";
constexpr std::string_view scripts = "say it with map, if, return and rewrite, or leave it to nginx";

constexpr std::array refused = {
    RefusedDirective{"auth_ldap*", passwords},
    RefusedDirective{"ldap_server", passwords},
    RefusedDirective{"auth_jwt*", passwords},
    RefusedDirective{"auth_digest*", passwords},
    RefusedDirective{"auth_pam*", passwords},
    RefusedDirective{"access_by_lua*", scripts},
    RefusedDirective{"content_by_lua*", scripts},
    RefusedDirective{"rewrite_by_lua*", scripts},
    RefusedDirective{"set_by_lua*", scripts},
    RefusedDirective{"header_filter_by_lua*", scripts},
    RefusedDirective{"body_filter_by_lua*", scripts},
    RefusedDirective{"log_by_lua*", scripts},
    RefusedDirective{"init_by_lua*", scripts},
    RefusedDirective{"init_worker_by_lua*", scripts},
    RefusedDirective{"lua_*", scripts},
    RefusedDirective{"js_*", scripts},
    RefusedDirective{"perl*", scripts},
    RefusedDirective{"proxy_connect", "this is no forward proxy; let clients use one beside it"},
    RefusedDirective{"proxy_connect_address", "this is no forward proxy; let clients use one beside it"},
    RefusedDirective{"proxy_connect_allow", "this is no forward proxy; let clients use one beside it"},
    RefusedDirective{"stream", "this is a proxy for HTTP; leave plain TCP and UDP to nginx"},
    RefusedDirective{"mail", "this is a proxy for HTTP; leave mail to nginx"},
    RefusedDirective{"fastcgi_pass", other_gateway},
    RefusedDirective{"uwsgi_pass", other_gateway},
    RefusedDirective{"scgi_pass", other_gateway},
    RefusedDirective{"grpc_pass", other_gateway},
    RefusedDirective{"memcached_pass", other_gateway},
    RefusedDirective{"dav_*", "a registry is written through its own API; leave WebDAV to nginx"},
    RefusedDirective{"create_full_put_path", "a registry is written through its own API; leave WebDAV to nginx"},
    RefusedDirective{"sub_filter*",
                     "bodies stay as they are, since a digest is of their bytes; let the backend say it right"},
    RefusedDirective{"mirror*", "requests go to one backend; copy them where they are logged, or leave it to nginx"},
    RefusedDirective{"image_filter*", "bodies stay as they are, since a digest is of their bytes"},
    RefusedDirective{"random_index", "name the file with \"index\""},
    RefusedDirective{"post_action", "say what has to be done after a request to who reads the access log"},
    RefusedDirective{"add_before_body", "bodies stay as they are, since a digest is of their bytes"},
    RefusedDirective{"add_after_body", "bodies stay as they are, since a digest is of their bytes"},
    RefusedDirective{"xslt_*", "bodies stay as they are, since a digest is of their bytes"},
    RefusedDirective{"xml_entities", "bodies stay as they are, since a digest is of their bytes"},
    RefusedDirective{"subs_filter*", "bodies stay as they are, since a digest is of their bytes"},
    RefusedDirective{"flv", "leave seeking in media to nginx; without this the file is served whole, or by ranges"},
    RefusedDirective{"mp4", "leave seeking in media to nginx; without this the file is served whole, or by ranges"},
    RefusedDirective{"min_delete_depth", "a registry is written through its own API; leave WebDAV to nginx"},
    RefusedDirective{"modern_browser*", "say it with \"map $http_user_agent ...\""},
    RefusedDirective{"ancient_browser*", "say it with \"map $http_user_agent ...\""},
    RefusedDirective{"geoip*", "say it with \"geo\" and the networks you mean"},
    RefusedDirective{"ssl_engine", "name the provider in OpenSSL's own configuration"},
    RefusedDirective{"google_perftools_profiles", "take it out"},
    RefusedDirective{"degradation", "limit the memory of the process from outside"},
    RefusedDirective{"degrade", "limit the memory of the process from outside"},
    RefusedDirective{"modsecurity*", "it narrows access, so it is not ignored; leave that location to nginx"},
    RefusedDirective{"naxsi*", "it narrows access, so it is not ignored; leave that location to nginx"},
    RefusedDirective{"rtmp*", "this is a proxy for HTTP"},
    RefusedDirective{"echo*", "use \"return 200 TEXT\""},
    RefusedDirective{"http3*", "HTTP/3 is not served; take it out, clients go on with HTTP/1.1"},
    RefusedDirective{"quic_*", "HTTP/3 is not served; take it out, clients go on with HTTP/1.1"},
};

}  // namespace

void describe_refused(rules::Language& language) { language.add_refused(refused); }

}  // namespace caisson::gateway

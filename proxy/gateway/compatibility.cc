#include "gateway/compatibility.h"

#include <array>

namespace caisson::gateway {

using rules::any_number;
using rules::DirectiveSpec;
using rules::RefusedDirective;

namespace {

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr unsigned also_if = everywhere | rules::IfInLocation;
constexpr auto none = DirectiveSpec::Body::None;

constexpr DirectiveSpec accepted(std::string_view name, unsigned blocks, unsigned least = 1, unsigned most = 1) {
  return {name, blocks, least, most, none, nullptr};
}

constexpr std::array directives = {
    // Names are looked up by the system's resolver.
    accepted("resolver", everywhere, 1, any_number),
    accepted("resolver_timeout", everywhere),
    // Answers go out as they are: a digest is of the bytes that clients get.
    accepted("gzip", also_if),
    accepted("gzip_buffers", everywhere, 2, 2),
    accepted("gzip_comp_level", everywhere),
    accepted("gzip_disable", everywhere, 1, any_number),
    accepted("gzip_hash", everywhere),
    accepted("gzip_http_version", everywhere),
    accepted("gzip_min_length", everywhere),
    accepted("gzip_no_buffer", everywhere),
    accepted("gzip_proxied", everywhere, 1, any_number),
    accepted("gzip_static", everywhere),
    accepted("gzip_types", everywhere, 1, any_number),
    accepted("gzip_vary", everywhere),
    accepted("gzip_window", everywhere),
    accepted("gunzip", everywhere),
    accepted("gunzip_buffers", everywhere, 2, 2),
    // Bodies are never spooled, files are read in slices.
    accepted("client_body_in_file_only", everywhere),
    accepted("client_body_in_single_buffer", everywhere),
    accepted("aio", everywhere),
    accepted("aio_write", everywhere),
    accepted("directio", everywhere),
    accepted("directio_alignment", everywhere),
    accepted("open_file_cache", everywhere, 1, 2),
    accepted("open_file_cache_errors", everywhere),
    accepted("open_file_cache_min_uses", everywhere),
    accepted("open_file_cache_valid", everywhere),
    accepted("output_buffers", everywhere, 2, 2),
    accepted("postpone_output", everywhere),
    accepted("read_ahead", everywhere),
    accepted("sendfile_max_chunk", everywhere),
    accepted("lingering_close", everywhere),
    accepted("lingering_time", everywhere),
    accepted("lingering_timeout", everywhere),
    accepted("send_lowat", everywhere),
    accepted("connection_pool_size", rules::Http | rules::Server),
    accepted("request_pool_size", rules::Http | rules::Server),
    accepted("msie_padding", everywhere),
    accepted("msie_refresh", everywhere),
    accepted("keepalive_disable", everywhere, 1, 2),
    accepted("accept_mutex_delay", rules::Events),
    accepted("debug_connection", rules::Events),
    accepted("worker_aio_requests", rules::Events),
    accepted("timer_resolution", rules::Main),
    accepted("lock_file", rules::Main),
    accepted("thread_pool", rules::Main, 2, 3),
    accepted("working_directory", rules::Main),
    accepted("debug_points", rules::Main),
    // HTTP/1.1 is served.
    accepted("http2_body_preread_size", rules::Http | rules::Server),
    accepted("http2_chunk_size", everywhere),
    accepted("http2_idle_timeout", rules::Http | rules::Server),
    accepted("http2_max_concurrent_pushes", rules::Http | rules::Server),
    accepted("http2_max_concurrent_streams", rules::Http | rules::Server),
    accepted("http2_max_field_size", rules::Http | rules::Server),
    accepted("http2_max_header_size", rules::Http | rules::Server),
    accepted("http2_max_requests", rules::Http | rules::Server),
    accepted("http2_push", everywhere),
    accepted("http2_push_preload", everywhere),
    accepted("http2_recv_buffer_size", rules::Http),
    accepted("http2_recv_timeout", rules::Http | rules::Server),
    // An old patch of nginx, for what it and we always do.
    accepted("chunkin", everywhere),
    accepted("chunkin_resume", rules::Location, 0, 0),
    // Settings of backends that cannot be reached, since fastcgi_pass and its like are refused below.
    accepted("fastcgi_buffer_size", everywhere),
    accepted("fastcgi_buffering", everywhere),
    accepted("fastcgi_buffers", everywhere, 2, 2),
    accepted("fastcgi_busy_buffers_size", everywhere),
    accepted("fastcgi_connect_timeout", everywhere),
    accepted("fastcgi_hide_header", everywhere),
    accepted("fastcgi_ignore_headers", everywhere, 1, any_number),
    accepted("fastcgi_index", everywhere),
    accepted("fastcgi_intercept_errors", everywhere),
    accepted("fastcgi_keep_conn", everywhere),
    accepted("fastcgi_max_temp_file_size", everywhere),
    accepted("fastcgi_param", also_if, 2, 3),
    accepted("fastcgi_pass_header", everywhere),
    accepted("fastcgi_read_timeout", everywhere),
    accepted("fastcgi_request_buffering", everywhere),
    accepted("fastcgi_send_timeout", everywhere),
    accepted("fastcgi_split_path_info", everywhere),
    accepted("fastcgi_temp_file_write_size", everywhere),
    accepted("fastcgi_temp_path", everywhere, 1, 4),
    accepted("scgi_param", everywhere, 2, 3),
    accepted("scgi_temp_path", everywhere, 1, 4),
    accepted("uwsgi_param", everywhere, 2, 3),
    accepted("uwsgi_temp_path", everywhere, 1, 4),
};

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
    RefusedDirective{"secure_link*", "it narrows access, so it is not ignored; leave that location to nginx"},
    RefusedDirective{"valid_referers",
                     "it narrows access, so it is not ignored; say it with \"if ($http_referer ...)\""},
};

}  // namespace

void describe_compatibility(rules::Language& language) {
  language.add_directives(directives);
  language.add_refused(refused);
}

}  // namespace caisson::gateway

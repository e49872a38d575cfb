// What directives of ngx_http_proxy_module say about buffers, spools and versions is settled here: they are checked as
// nginx checks them, and have no effect.

#include <array>
#include <string_view>

#include "rules/checks.h"
#include "rules/loader.h"
#include "upstream/directives.h"

namespace caisson::upstream {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

constexpr std::string_view always_11 = "backends are always spoken to in HTTP/1.1";
constexpr std::string_view no_hash = "headers are compared, not hashed";
constexpr std::string_view always_alive = "connections to backends always have it";

constexpr std::array<std::string_view, 2> versions = {"1.0", "1.1"};

constexpr auto None = DirectiveSpec::Body::None;
constexpr unsigned anywhere = rules::Http | rules::Server | rules::Location;

constexpr std::array directives = {
    DirectiveSpec{"proxy_http_version", anywhere, 1, 1, None, &rules::check_words<versions>, always_11},
    DirectiveSpec{"proxy_request_buffering", anywhere, 1, 1, None, rules::check_flag, always_streaming},
    DirectiveSpec{"proxy_buffers", anywhere, 2, 2, None, &rules::check_buffers, always_streaming},
    DirectiveSpec{"proxy_busy_buffers_size", anywhere, 1, 1, None, rules::check_size, always_streaming},
    DirectiveSpec{"proxy_max_temp_file_size", anywhere, 1, 1, None, rules::check_size, always_streaming},
    DirectiveSpec{"proxy_temp_file_write_size", anywhere, 1, 1, None, rules::check_size, always_streaming},
    DirectiveSpec{"proxy_temp_path", anywhere, 1, 4, None, rules::check_once, always_streaming},
    DirectiveSpec{"proxy_store_access", anywhere, 1, 3, None, rules::check_once, always_streaming},
    DirectiveSpec{"proxy_socket_keepalive", anywhere, 1, 1, None, rules::check_flag, always_alive},
    DirectiveSpec{"proxy_headers_hash_max_size", anywhere, 1, 1, None, rules::check_number, no_hash},
    DirectiveSpec{"proxy_headers_hash_bucket_size", anywhere, 1, 1, None, rules::check_number, no_hash},
};

}  // namespace

void describe_settled_directives(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::upstream

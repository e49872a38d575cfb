#include "gateway/compatibility/compatibility.h"

#include <array>
#include <string>
#include <string_view>

#include "base/text.h"
#include "gateway/compatibility/parts.h"
#include "rules/checks.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::any_number;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr unsigned also_if = everywhere | rules::IfInLocation;
constexpr unsigned http_server = rules::Http | rules::Server;
constexpr auto none = DirectiveSpec::Body::None;

using Check = Result<void> (*)(Loader&, const Directive&);

// Rows whose reason is the same; each says where, and how many arguments, if not everywhere and one.
struct Row {
  std::string_view name;
  Check check;
  unsigned blocks = everywhere;
  unsigned least = 1;
  unsigned most = least;
};

template <std::size_t N>
constexpr std::array<DirectiveSpec, N> without_effect(std::string_view reason, const Row (&rows)[N]) {
  std::array<DirectiveSpec, N> specs{};
  for (std::size_t i = 0; i < N; ++i) {
    specs[i] = {rows[i].name, rows[i].blocks, rows[i].least, rows[i].most, none, rows[i].check, reason};
  }
  return specs;
}

// aio on | off | threads[=POOL];
Result<void> check_aio(Loader& loader, const Directive& d) {
  if (Result<void> first = rules::check_once(loader, d); !first.ok()) return first;
  const std::string& value = d.args[0];
  if (value == "on" || value == "off" || value == "threads" || value.starts_with("threads=")) return {};
  return config::config_error(d, "invalid value");
}

// directio off | SIZE;
Result<void> check_directio(Loader& loader, const Directive& d) {
  return d.args[0] == "off" ? rules::check_once(loader, d) : rules::check_offset(loader, d);
}

// open_file_cache off | max=N [inactive=TIME];
Result<void> check_open_file_cache(Loader& loader, const Directive& d) {
  if (Result<void> first = rules::check_once(loader, d); !first.ok()) return first;
  bool complete = false;
  for (const std::string_view parameter : d.args) {
    bool valid = false;
    if (parameter.starts_with("max=")) {
      valid = complete = config::parse_number(parameter.substr(4)).value_or(0) > 0;
    } else if (parameter.starts_with("inactive=")) {
      valid = config::parse_seconds(parameter.substr(9)).has_value();
    } else if (parameter == "off") {
      valid = complete = true;
    }
    if (!valid)
      return config::error_at(d.at, "invalid \"open_file_cache\" parameter \"" + std::string(parameter) + '"');
  }
  if (complete) return {};
  return config::error_at(d.at, "\"open_file_cache\" must have the \"max\" parameter");
}

// http2_push URI | off;
Result<void> check_push(Loader& loader, const Directive& d) {
  const Result<rules::Template> uri = loader.compile(d.args[0], d);
  return uri.ok() ? Result<void>() : Result<void>(uri.error());
}

// A directive that was taken out of nginx, which warns and goes on.
template <const std::string_view& Instead>
Result<void> obsolete(Loader& loader, const Directive& d) {
  loader.warn(
      d.at, "the \"" + d.name + "\" directive is obsolete, use the \"" + std::string(Instead) + "\" directive instead");
  return {};
}

constexpr std::string_view header_buffers = "large_client_header_buffers";
constexpr std::string_view header_timeout = "client_header_timeout";
constexpr std::string_view idle_timeout = "keepalive_timeout";
constexpr std::string_view idle_requests = "keepalive_requests";

// thread_pool NAME threads=N [max_queue=N];
Result<void> check_thread_pool(Loader&, const Directive& d) {
  bool threads = false;
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    const std::string_view parameter = d.args[i];
    const bool is_threads = parameter.starts_with("threads=");
    threads = threads || is_threads;
    if (!is_threads && !parameter.starts_with("max_queue=")) continue;
    if (config::parse_number(parameter.substr(parameter.find('=') + 1)).value_or(0) > 0) continue;
    return config::error_at(d.at, "invalid " + std::string(parameter.substr(0, parameter.find('='))) + " value \"" +
                                      std::string(parameter) + '"');
  }
  if (threads) return {};
  return config::error_at(d.at, "\"thread_pool\" must have \"threads\" parameter");
}

constexpr std::string_view on_off_always[] = {"off", "on", "always"};
constexpr std::string_view off_on_clean[] = {"off", "on", "clean"};
constexpr std::string_view debug_points[] = {"stop", "abort"};
constexpr std::string_view user_id_flags[] = {"off",           "httponly",     "secure",
                                              "samesite=none", "samesite=lax", "samesite=strict"};

constexpr auto compression =
    without_effect("answers go out as they are, since a digest is of the bytes that clients get",
                   {
                       // of the brotli module
                       {"brotli", rules::check_flag, also_if},
                       {"brotli_buffers", rules::check_buffers, everywhere, 2},
                       {"brotli_comp_level", &rules::check_between<0, 11>},
                       {"brotli_min_length", rules::check_size},
                       {"brotli_static", &rules::check_words<on_off_always>},
                       {"brotli_types", rules::check_nothing, everywhere, 1, any_number},
                       {"brotli_window", rules::check_size},
                       // settings of modules that are off
                       {"ssi_ignore_recycled_buffers", rules::check_flag},
                       {"ssi_last_modified", rules::check_flag},
                       {"ssi_min_file_chunk", rules::check_size},
                       {"ssi_silent_errors", rules::check_flag},
                       {"ssi_types", rules::check_nothing, everywhere, 1, any_number},
                       {"ssi_value_length", rules::check_size},
                       {"addition_types", rules::check_nothing, everywhere, 1, any_number},
                       {"add_trailer", rules::check_nothing, also_if, 2, 3},
                   });

constexpr auto spooling = without_effect("bodies are streamed and never spooled, files are read in slices",
                                         {
                                             {"aio", &check_aio},
                                             {"aio_write", rules::check_flag},
                                             {"client_body_in_file_only", &rules::check_words<off_on_clean>},
                                             {"client_body_in_single_buffer", rules::check_flag},
                                             {"directio", &check_directio},
                                             {"directio_alignment", rules::check_offset},
                                             {"output_buffers", rules::check_buffers, everywhere, 2},
                                             {"postpone_output", rules::check_size},
                                             {"read_ahead", rules::check_size},
                                             {"sendfile_max_chunk", rules::check_size},
                                             {"subrequest_output_buffer_size", rules::check_size},
                                             {"thread_pool", &check_thread_pool, rules::Main, 2, 3},
                                             {"mp4_buffer_size", rules::check_size},
                                             {"mp4_max_buffer_size", rules::check_size},
                                             {"mp4_start_key_frame", rules::check_flag},
                                         });

constexpr auto file_cache = without_effect("the kernel's cache serves, and a file is looked at anew for each request",
                                           {
                                               {"open_file_cache", &check_open_file_cache, everywhere, 1, 2},
                                               {"open_file_cache_errors", rules::check_flag},
                                               {"open_file_cache_events", rules::check_flag},
                                               {"open_file_cache_min_uses", rules::check_number},
                                               {"open_file_cache_valid", rules::check_seconds},
                                           });

constexpr auto tuning =
    without_effect("this tunes the insides of nginx",
                   {
                       {"accept_mutex_delay", rules::check_milliseconds, rules::Events},
                       {"debug_connection", rules::check_nothing, rules::Events},
                       {"epoll_events", rules::check_number, rules::Events},
                       {"worker_aio_requests", rules::check_number, rules::Events},
                       {"debug_points", &rules::check_words<debug_points>, rules::Main},
                       {"env", rules::check_nothing, rules::Main},
                       {"lock_file", rules::check_once, rules::Main},
                       {"timer_resolution", rules::check_milliseconds, rules::Main},
                       {"worker_rlimit_core", rules::check_offset, rules::Main},
                       {"working_directory", rules::check_once, rules::Main},
                       {"connection_pool_size", rules::check_size, http_server},
                       {"request_pool_size", rules::check_size, http_server},
                       {"referer_hash_bucket_size", rules::check_number, rules::Server | rules::Location},
                       {"referer_hash_max_size", rules::check_number, rules::Server | rules::Location},
                       {"send_lowat", rules::check_size},
                   });

constexpr auto old_browsers = without_effect("no browser needs it any more", {
                                                                                 {"msie_refresh", rules::check_flag},
                                                                             });

constexpr auto http2 =
    without_effect("HTTP/1.1 is served", {
                                             {"http2_body_preread_size", rules::check_size, http_server},
                                             {"http2_chunk_size", rules::check_size},
                                             {"http2_idle_timeout", &obsolete<idle_timeout>, http_server},
                                             {"http2_max_concurrent_pushes", rules::check_number, http_server},
                                             {"http2_max_concurrent_streams", rules::check_number, http_server},
                                             {"http2_max_field_size", &obsolete<header_buffers>, http_server},
                                             {"http2_max_header_size", &obsolete<header_buffers>, http_server},
                                             {"http2_max_requests", &obsolete<idle_requests>, http_server},
                                             {"http2_pool_size", rules::check_size, http_server},
                                             {"http2_push", &check_push},
                                             {"http2_push_preload", rules::check_flag},
                                             {"http2_recv_buffer_size", rules::check_size, rules::Http},
                                             {"http2_recv_timeout", &obsolete<header_timeout>, http_server},
                                             {"http2_streams_index_size", rules::check_number, http_server},
                                         });

constexpr auto always_so = without_effect("an old patch of nginx, for what is always done",
                                          {
                                              {"chunkin", rules::check_flag},
                                              {"chunkin_resume", rules::check_nothing, rules::Location, 0},
                                          });

constexpr auto user_ids = without_effect("no cookies are made here",
                                         {
                                             {"userid_domain", rules::check_once},
                                             {"userid_expires", rules::check_once},
                                             {"userid_flags", &rules::check_words<user_id_flags>, everywhere, 1, 3},
                                             {"userid_mark", rules::check_once},
                                             {"userid_name", rules::check_once},
                                             {"userid_p3p", rules::check_once},
                                             {"userid_path", rules::check_once},
                                             {"userid_service", rules::check_number},
                                         });

// What is harmless as long as it says "off", and otherwise refused with `instead`; `check` is nginx's own.
Result<void> only_off(Result<void> checked, const Directive& d, std::string_view instead) {
  if (!checked.ok() || text::iequals(d.args[0], "off") || d.args[0] == "0") return checked;
  return config::config_error(d, "is supported as \"off\" only", instead);
}

constexpr std::string_view user_id_modes[] = {"off", "log", "v1", "on"};

Result<void> ssi(Loader& loader, const Directive& d) {
  return only_off(rules::check_flag(loader, d), d, "bodies stay as they are, since a digest is of their bytes");
}
Result<void> user_id(Loader& loader, const Directive& d) {
  return only_off(rules::check_words<user_id_modes>(loader, d), d, "let the backend make its own cookies");
}
Result<void> slice(Loader& loader, const Directive& d) {
  return only_off(rules::check_size(loader, d), d, "ranges go to the backend as clients ask for them; take it out");
}

constexpr std::array off_only = {
    DirectiveSpec{"ssi", also_if, 1, 1, none, &ssi},
    DirectiveSpec{"userid", everywhere, 1, 1, none, &user_id},
    DirectiveSpec{"slice", everywhere, 1, 1, none, &slice},
};

}  // namespace

void describe_compatibility(rules::Language& language) {
  language.add_directives(compression);
  language.add_directives(spooling);
  language.add_directives(file_cache);
  language.add_directives(tuning);
  language.add_directives(old_browsers);
  language.add_directives(http2);
  language.add_directives(always_so);
  language.add_directives(user_ids);
  language.add_directives(off_only);
  describe_other_backends(language);
  describe_modules(language);
  describe_empty_variables(language);
  describe_refused(language);
}

}  // namespace caisson::gateway

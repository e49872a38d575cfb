#include "gateway/core_directives.h"

#include <array>
#include <map>

#include "base/text.h"
#include "gateway/core_settings.h"
#include "observe/log_file.h"
#include "rules/checks.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/request_log.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

std::string server_name_for(const CoreSettings& settings) {
  return settings.server_tokens.value_or("on") == "off" ? "caisson" : "caisson/" CAISSON_VERSION;
}

std::string media_type(const CoreSettings& settings, std::string_view path) {
  static const std::map<std::string, std::string> usual = {
      {"html", "text/html"}, {"gif", "image/gif"}, {"jpg", "image/jpeg"}};
  const std::size_t dot = path.find_last_of("./");
  if (dot != std::string_view::npos && path[dot] == '.') {
    const auto& types = settings.types ? *settings.types : usual;
    if (const auto found = types.find(text::lowered(path.substr(dot + 1))); found != types.end()) return found->second;
  }
  return settings.default_type.value_or("text/plain");
}

namespace {

Result<void> read_http(Loader& loader, const Directive& d) {
  for (const auto& other : loader.level().inner()) {
    if (other->kind() == rules::Http) return config::config_error(d, "is duplicate");
  }
  loader.read_block(d, rules::Http);
  return {};
}

Result<void> read_events(Loader& loader, const Directive& d) {
  for (const auto& other : loader.level().inner()) {
    if (other->kind() == rules::Events) return config::config_error(d, "is duplicate");
  }
  loader.read_block(d, rules::Events);
  return {};
}

Result<void> set_user(Loader& loader, const Directive& d) {
  auto& process = loader.root().own<ProcessSettings>();
  if (process.user) return config::config_error(d, "is duplicate");
  process.user = d.args[0];
  process.user_at = d.at;
  if (d.args.size() == 2) process.group = d.args[1];
  return {};
}

Result<void> set_worker_processes(Loader& loader, const Directive& d) {
  auto& process = loader.root().own<ProcessSettings>();
  if (process.worker_processes) return config::config_error(d, "is duplicate");
  if (d.args[0] == "auto") {
    process.worker_processes = 0;
    return {};
  }
  const auto number = text::to_number(d.args[0]);
  if (!number || *number == 0) return config::config_error(d, "invalid value");
  process.worker_processes = *number;
  return {};
}

// Process settings stand in the main block or in events{}; both write to the root.
template <auto Member>
Result<void> set_process_number(Loader& loader, const Directive& d) {
  auto& target = loader.root().own<ProcessSettings>().*Member;
  if (target) return config::config_error(d, "is duplicate");
  const Result<std::uint64_t> number = config::number_arg(d);
  if (!number.ok()) return number.error();
  target = number.value();
  return {};
}

// worker_connections NUMBER;
Result<void> set_worker_connections(Loader& loader, const Directive& d) {
  auto& target = loader.root().own<ProcessSettings>().worker_connections;
  if (target) return config::config_error(d, "is duplicate");
  target = config::parse_number(d.args[0]);
  if (!target) return config::error_at(d.at, "invalid number \"" + d.args[0] + '"');
  return {};
}

// worker_cpu_affinity auto [MASK] | MASK...; the kernel places threads well by itself.
Result<void> check_affinity(Loader& loader, const Directive& d) {
  if (Result<void> first = rules::check_once(loader, d); !first.ok()) return first;
  for (std::size_t i = d.args[0] == "auto" ? 1 : 0; i < d.args.size(); ++i) {
    const std::size_t wrong = d.args[i].find_last_not_of("01 ");
    if (wrong == std::string::npos) continue;
    return config::error_at(d.at,
                            std::string("invalid character \"") + d.args[i][wrong] + "\" in \"worker_cpu_affinity\"");
  }
  return {};
}

// worker_priority [-]NUMBER;
Result<void> check_priority(Loader& loader, const Directive& d) {
  if (Result<void> first = rules::check_once(loader, d); !first.ok()) return first;
  std::string_view number = d.args[0];
  if (number.starts_with('-') || number.starts_with('+')) number.remove_prefix(1);
  return config::parse_number(number) ? Result<void>() : Result<void>(config::config_error(d, "invalid number"));
}

Result<void> set_pid(Loader& loader, const Directive& d) {
  auto& process = loader.root().own<ProcessSettings>();
  if (process.pid) return config::config_error(d, "is duplicate");
  process.pid = loader.from_prefix(d.args[0]);
  return {};
}

Result<void> set_max_body(Loader& loader, const Directive& d) {
  if (Result<void> set = rules::set_offset<&CoreSettings::client_max_body_size>(loader, d); !set.ok()) return set;
  loader.level().own<CoreSettings>().client_max_body_size_at = d.at;
  return {};
}

// The targets of one level's log, as they add up.
struct ErrorLogTargets {
  std::vector<observe::ErrorLog::Target> targets;
};

// How all error logs of the configuration are written.
struct ErrorLogForm {
  std::optional<observe::LineForm> form;
};

// error_log_format nginx | text | json | logstash [NAME=VALUE ...]; before the first error_log
Result<void> set_error_log_format(Loader& loader, const Directive& d) {
  using Kind = observe::LineForm::Kind;
  static const std::map<std::string_view, Kind> kinds = {
      {"nginx", Kind::Nginx}, {"text", Kind::Text}, {"json", Kind::Json}, {"logstash", Kind::Logstash}};
  auto& form = loader.root().own<ErrorLogForm>().form;
  if (form) return config::config_error(d, "is duplicate");
  if (loader.root().has<ErrorLogFiles>()) return config::config_error(d, "must stand before \"error_log\"");
  const auto kind = kinds.find(d.args[0]);
  if (kind == kinds.end()) {
    return config::error_at(d.at, "unknown form \"" + d.args[0] + '"', "nginx, text, json, logstash");
  }
  form.emplace().kind = kind->second;
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    const std::size_t equals = d.args[i].find('=');
    if (equals == 0 || equals == std::string::npos) {
      return config::error_at(d.at, "invalid parameter \"" + d.args[i] + '"', "NAME=VALUE");
    }
    form->fields.emplace_back(d.args[i].substr(0, equals), d.args[i].substr(equals + 1));
  }
  return {};
}

Result<void> add_error_log_file(Loader& loader, rules::Level& level, ErrorLogFiles::File file) {
  level.own<ErrorLogFiles>().files.push_back(file);
  auto opened = loader.open_log(file.path);
  if (!opened.ok()) return std::move(opened).error();
  if (!opened.value()) return {};
  auto& targets = level.own<ErrorLogTargets>().targets;
  targets.push_back({std::move(opened).value(), file.level});
  level.own<rules::ErrorLogSettings>().log =
      observe::ErrorLog(targets, loader.root().own<ErrorLogForm>().form.value_or(observe::LineForm()));
  return {};
}

Result<void> add_error_log_syslog(Loader& loader, std::string_view parameters, observe::Level level) {
  Result<std::shared_ptr<observe::Syslog>> syslog = observe::Syslog::make(parameters);
  if (!syslog.ok()) return std::move(syslog).error();
  loader.level().own<ErrorLogFiles>();  // this level has a log
  auto& targets = loader.level().own<ErrorLogTargets>().targets;
  observe::ErrorLog::Target target;
  target.level = level;
  target.syslog = std::move(syslog).value();
  targets.push_back(std::move(target));
  loader.level().own<rules::ErrorLogSettings>().log = observe::ErrorLog(targets);
  return {};
}

// error_log FILE|stderr|syslog:... [LEVEL]; several stand side by side.
Result<void> add_error_log(Loader& loader, const Directive& d) {
  ErrorLogFiles::File file;
  if (d.args.size() >= 2) {
    const auto named = observe::level_named(d.args[1]);
    if (!named) return config::error_at(d.at, "invalid log level \"" + d.args[1] + '"');
    file.level = *named;
  }
  if (d.args.size() > 2) return config::error_at(d.at, "duplicate log level \"" + d.args[2] + '"');
  if (d.args[0].starts_with("memory:")) {
    return config::error_at(d.at, "\"" + d.args[0] + "\" is not supported, log to a file or to stderr");
  }
  if (d.args[0].starts_with("syslog:")) {
    Result<void> added = add_error_log_syslog(loader, std::string_view(d.args[0]).substr(7), file.level);
    return added.ok() ? Result<void>() : config::error_at(d.at, added.error().what);
  }
  file.path = d.args[0] == "stderr" ? "stderr" : loader.from_prefix(d.args[0]);
  if (Result<void> added = add_error_log_file(loader, loader.level(), std::move(file)); !added.ok()) {
    return config::error_at(d.at, added.error().what);
  }
  return {};
}

// Without an error_log of its own the main block writes to the one of the command line.
Result<void> complete_error_log(Loader& loader, rules::Level& root) {
  if (root.has<ErrorLogFiles>()) return {};
  return add_error_log_file(loader, root, {loader.paths().error_log, observe::Level::Error});
}

Result<void> set_keepalive_timeout(Loader& loader, const Directive& d) {
  auto& settings = loader.level().own<CoreSettings>();
  if (settings.keepalive_timeout) return config::config_error(d, "is duplicate");
  const auto idle = config::milliseconds_arg(d, 0);
  if (!idle.ok()) return idle.error();
  settings.keepalive_timeout = idle.value();
  if (d.args.size() == 2) {
    const auto told = config::milliseconds_arg(d, 1);
    if (!told.ok()) return told.error();
    settings.keepalive_header = told.value();
  }
  return {};
}

Result<void> set_large_buffers(Loader& loader, const Directive& d) {
  auto& settings = loader.level().own<ServerSettings>();
  if (settings.large_header_buffers) return config::config_error(d, "is duplicate");
  const auto count = config::parse_number(d.args[0]);
  const auto size = config::parse_size(d.args[1]);
  if (count.value_or(0) == 0 || size.value_or(0) == 0) return config::config_error(d, "invalid value");
  settings.large_header_buffers = count;
  settings.large_header_buffer_size = size;
  return {};
}

Result<void> read_types(Loader& loader, const Directive& d) {
  auto& types = loader.level().own<CoreSettings>().types;
  if (!types) types.emplace();
  for (const Directive& line : d.block) {
    if (line.has_block) return config::error_at(line.at, "unexpected \"{\"");
    for (const std::string& extension : line.args) {
      std::string& type = (*types)[text::lowered(extension)];
      if (!type.empty()) {
        loader.warn(line.at, "duplicate extension \"" + extension + "\", content type: \"" + line.name +
                                 "\", previous content type: \"" + type + '"');
      }
      type = line.name;
    }
  }
  return {};
}

Result<void> set_server_tokens(Loader& loader, const Directive& d) {
  auto& tokens = loader.level().own<CoreSettings>().server_tokens;
  if (tokens) return config::config_error(d, "is duplicate");
  const std::string value = text::lowered(d.args[0]);
  if (value != "on" && value != "off" && value != "build") {
    return config::error_at(d.at, "invalid value \"" + d.args[0] + '"');
  }
  tokens = value;
  return {};
}

Result<void> set_internal(Loader& loader, const Directive&) {
  loader.level().own<CoreSettings>().internal = true;
  return {};
}

// use METHOD; libevent takes the best one by itself.
Result<void> check_event_method(Loader& loader, const Directive& d) {
  if (Result<void> first = rules::check_once(loader, d); !first.ok()) return first;
  if (d.args[0] == "epoll" || d.args[0] == "poll" || d.args[0] == "select") return {};
  return config::error_at(d.at, "invalid event type \"" + d.args[0] + '"');
}

// Why some are accepted without effect.
constexpr std::string_view tuning = "this tunes the insides of nginx";
constexpr std::string_view streaming = "bodies are streamed, and written as soon as they are there";

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr unsigned http_server = rules::Http | rules::Server;
constexpr auto none = DirectiveSpec::Body::None;
constexpr auto required = DirectiveSpec::Body::Required;

constexpr std::array directives = {
    // blocks
    DirectiveSpec{"events", rules::Main, 0, 0, required, &read_events},
    DirectiveSpec{"http", rules::Main, 0, 0, required, &read_http},
    // process
    DirectiveSpec{"user", rules::Main, 1, 2, none, &set_user},
    DirectiveSpec{"worker_processes", rules::Main, 1, 1, none, &set_worker_processes},
    DirectiveSpec{"worker_rlimit_nofile", rules::Main, 1, 1, none,
                  &set_process_number<&ProcessSettings::worker_rlimit_nofile>},
    DirectiveSpec{"worker_shutdown_timeout", rules::Main, 1, 1, none,
                  &rules::set_milliseconds<&ProcessSettings::worker_shutdown_timeout>},
    DirectiveSpec{"pid", rules::Main, 1, 1, none, &set_pid},
    DirectiveSpec{"daemon", rules::Main, 1, 1, none, &rules::set_flag<&ProcessSettings::daemon>},
    DirectiveSpec{"master_process", rules::Main, 1, 1, none, &rules::set_flag<&ProcessSettings::master_process>},
    DirectiveSpec{"worker_connections", rules::Events, 1, 1, none, &set_worker_connections},
    DirectiveSpec{"worker_cpu_affinity", rules::Main, 1, rules::any_number, none, &check_affinity, tuning},
    DirectiveSpec{"worker_priority", rules::Main, 1, 1, none, &check_priority, tuning},
    DirectiveSpec{"pcre_jit", rules::Main, 1, 1, none, rules::check_flag, tuning},
    DirectiveSpec{"use", rules::Events, 1, 1, none, &check_event_method, tuning},
    DirectiveSpec{"multi_accept", rules::Events, 1, 1, none, rules::check_flag, tuning},
    DirectiveSpec{"accept_mutex", rules::Events, 1, 1, none, rules::check_flag, tuning},
    DirectiveSpec{"error_log_format", rules::Main, 1, rules::any_number, none, &set_error_log_format},
    DirectiveSpec{"error_log", rules::Main | everywhere, 1, rules::any_number, none, &add_error_log},
    // the client's side
    DirectiveSpec{"client_max_body_size", everywhere, 1, 1, none, &set_max_body},
    DirectiveSpec{"client_body_timeout", everywhere, 1, 1, none,
                  &rules::set_milliseconds<&CoreSettings::client_body_timeout>},
    DirectiveSpec{"client_header_timeout", http_server, 1, 1, none,
                  &rules::set_milliseconds<&ServerSettings::client_header_timeout>},
    DirectiveSpec{"client_header_buffer_size", http_server, 1, 1, none,
                  &rules::set_size<&ServerSettings::client_header_buffer_size>},
    DirectiveSpec{"large_client_header_buffers", http_server, 2, 2, none, &set_large_buffers},
    DirectiveSpec{"ignore_invalid_headers", http_server, 1, 1, none,
                  &rules::set_flag<&ServerSettings::ignore_invalid_headers>},
    DirectiveSpec{"underscores_in_headers", http_server, 1, 1, none,
                  &rules::set_flag<&ServerSettings::underscores_in_headers>},
    DirectiveSpec{"merge_slashes", http_server, 1, 1, none, &rules::set_flag<&ServerSettings::merge_slashes>},
    DirectiveSpec{"send_timeout", everywhere, 1, 1, none, &rules::set_milliseconds<&CoreSettings::send_timeout>},
    DirectiveSpec{"keepalive_timeout", everywhere, 1, 2, none, &set_keepalive_timeout},
    DirectiveSpec{"keepalive_requests", everywhere, 1, 1, none, &rules::set_number<&CoreSettings::keepalive_requests>},
    DirectiveSpec{"chunked_transfer_encoding", everywhere, 1, 1, none,
                  &rules::set_flag<&CoreSettings::chunked_transfer_encoding>},
    DirectiveSpec{"server_tokens", everywhere, 1, 1, none, &set_server_tokens},
    DirectiveSpec{"default_type", everywhere, 1, 1, none, &rules::set_text<&CoreSettings::default_type>},
    DirectiveSpec{"types", everywhere, 0, 0, required, &read_types},
    DirectiveSpec{"absolute_redirect", everywhere, 1, 1, none, &rules::set_flag<&rules::AbsoluteRedirect::on>},
    DirectiveSpec{"server_name_in_redirect", everywhere, 1, 1, none,
                  &rules::set_flag<&CoreSettings::server_name_in_redirect>},
    DirectiveSpec{"port_in_redirect", everywhere, 1, 1, none, &rules::set_flag<&CoreSettings::port_in_redirect>},
    DirectiveSpec{"internal", rules::Location, 0, 0, none, &set_internal},
    // accepted: we stream, and the kernel's and our own buffers have no such sizes
    DirectiveSpec{"sendfile", everywhere | rules::IfInLocation, 1, 1, none, rules::check_flag, streaming},
    DirectiveSpec{"tcp_nopush", everywhere, 1, 1, none, rules::check_flag, streaming},
    DirectiveSpec{"tcp_nodelay", everywhere, 1, 1, none, rules::check_flag, streaming},
    DirectiveSpec{"client_body_buffer_size", everywhere, 1, 1, none, rules::check_size, streaming},
    DirectiveSpec{"client_body_temp_path", everywhere, 1, 4, none, rules::check_once, streaming},
    DirectiveSpec{"types_hash_max_size", everywhere, 1, 1, none, rules::check_number, tuning},
    DirectiveSpec{"types_hash_bucket_size", everywhere, 1, 1, none, rules::check_number, tuning},
    DirectiveSpec{"server_names_hash_max_size", rules::Http, 1, 1, none, rules::check_number, tuning},
    DirectiveSpec{"server_names_hash_bucket_size", rules::Http, 1, 1, none, rules::check_number, tuning},
    DirectiveSpec{"variables_hash_max_size", rules::Http, 1, 1, none, rules::check_number, tuning},
    DirectiveSpec{"variables_hash_bucket_size", rules::Http, 1, 1, none, rules::check_number, tuning},
    DirectiveSpec{"log_subrequest", everywhere, 1, 1, none, &rules::set_flag<&CoreSettings::log_subrequest>},
};

}  // namespace

void describe_core(rules::Language& language) {
  language.add_directives(directives);
  language.add_block_end(rules::Main, &complete_error_log);
}

}  // namespace caisson::gateway

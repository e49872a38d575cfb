#include "gateway/logs/access_log.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <memory>
#include <variant>

#include "base/text.h"
#include "gateway/files/document_root.h"
#include "observe/escape.h"
#include "observe/log_file.h"
#include "observe/syslog.h"
#include "rules/checks.h"
#include "rules/loader.h"
#include "rules/request_log.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

// A log_format: text and variables, each value escaped.
class Format {
 public:
  enum class Escape { Default, Json, None };

  static Result<std::shared_ptr<const Format>> make(Loader& loader, const Directive& d, std::string_view text,
                                                    Escape escape) {
    auto made = std::make_shared<Format>();
    made->escape_ = escape;
    std::string literal;
    while (!text.empty()) {
      const std::size_t dollar = text.find('$');
      literal += text.substr(0, dollar);
      if (dollar == std::string_view::npos) break;
      // One variable at a time, so that each value is escaped by itself.
      std::size_t end = dollar + 1;
      if (end < text.size() && text[end] == '{') {
        end = text.find('}', end);
        end = end == std::string_view::npos ? text.size() : end + 1;
      } else {
        while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
          ++end;
      }
      if (end == dollar + 1) return config::error_at(d.at, "invalid parameter \"" + std::string(text) + '"');
      Result<rules::Template> variable = loader.compile(text.substr(dollar, end - dollar), d);
      if (!variable.ok()) return std::move(variable).error();
      made->pieces_.emplace_back(std::move(literal));
      literal.clear();
      made->pieces_.emplace_back(std::move(variable).value());
      text.remove_prefix(end);
    }
    made->pieces_.emplace_back(std::move(literal));
    return std::shared_ptr<const Format>(std::move(made));
  }

  std::string line(rules::RequestState& state) const {
    std::string out;
    for (const auto& piece : pieces_) {
      if (const auto* literal = std::get_if<std::string>(&piece)) {
        out += *literal;
        continue;
      }
      const rules::Value value = std::get<rules::Template>(piece).value(state);
      switch (escape_) {
        case Escape::Default:
          out += value && !value->empty() ? observe::escaped(*value) : "-";
          break;
        case Escape::Json:
          if (value) out += observe::json_escaped(*value);
          break;
        case Escape::None:
          if (value) out += *value;
          break;
      }
    }
    return out;
  }

 private:
  Escape escape_ = Escape::Default;
  std::vector<std::variant<std::string, rules::Template>> pieces_;
};

// Where Debian's nginx and nginx's image log when nothing is said: their --http-log-path.
constexpr const char* usual_log = "/var/log/nginx/access.log";

constexpr std::string_view combined =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" "
    "\"$http_user_agent\"";

// The formats by name: at the http level.
struct Formats {
  std::vector<std::pair<std::string, std::shared_ptr<const Format>>> all;
};

struct AccessLog {
  std::string path;                              // complete, or "syslog:..."
  std::optional<rules::Template> variable_path;  // a path with variables: opened for each line
  std::shared_ptr<observe::Syslog> syslog;
  std::string format_name;
  std::shared_ptr<const Format> format;
  std::shared_ptr<observe::LineWriter> writer;  // null while a configuration is only checked, and for the two above
  std::optional<rules::Template> condition;     // if=
  config::SourcePos at;
};

struct AccessLogs {
  std::optional<std::vector<AccessLog>> logs;
  bool off = false;  // whatever else stands at this level
  void inherit(const AccessLogs& outer) {
    if (!logs) {
      logs = outer.logs;
      off = outer.off;
    }
  }
};

Result<void> add_format(Loader& loader, const Directive& d) {
  auto escape = Format::Escape::Default;
  std::size_t first = 1;
  if (d.args[1].starts_with("escape=")) {
    const std::string_view how = std::string_view(d.args[1]).substr(7);
    if (how == "json") {
      escape = Format::Escape::Json;
    } else if (how == "none") {
      escape = Format::Escape::None;
    } else if (how != "default") {
      return config::error_at(d.at, "unknown log format escaping \"" + std::string(how) + '"');
    }
    ++first;
  }
  std::string text;
  for (std::size_t i = first; i < d.args.size(); ++i) text += d.args[i];
  auto format = Format::make(loader, d, text, escape);
  if (!format.ok()) return std::move(format).error();
  auto& all = loader.level().own<Formats>().all;
  const bool duplicate = d.args[0] == "combined" || std::any_of(all.begin(), all.end(), [&](const auto& other) {
                           return other.first == d.args[0];
                         });
  if (duplicate) return config::error_at(d.at, "duplicate \"log_format\" name \"" + d.args[0] + '"');
  all.emplace_back(d.args[0], std::move(format).value());
  return {};
}

Result<std::shared_ptr<observe::LineWriter>> open_log(Loader& loader, const std::string& path, std::size_t buffer = 0,
                                                      std::chrono::milliseconds longest = {}) {
  auto file = loader.open_log(path);
  if (!file.ok()) return std::move(file).error();
  if (!file.value()) return std::shared_ptr<observe::LineWriter>();
  return std::make_shared<observe::LineWriter>(std::move(file).value(), buffer, longest);
}

// Where a log goes: a file, a file for each value of its variables, or a syslog server.
Result<void> place_log(Loader& loader, const Directive& d, AccessLog& log) {
  const std::string& place = d.args[0];
  if (place.starts_with("syslog:")) {
    log.path = place;
    auto syslog = observe::Syslog::make(std::string_view(place).substr(7));
    if (!syslog.ok()) return config::error_at(d.at, syslog.error().what);
    log.syslog = std::move(syslog).value();
    return {};
  }
  log.path = loader.from_prefix(place);
  if (place.find('$') == std::string::npos) return {};
  Result<rules::Template> path = loader.compile(log.path, d);
  if (!path.ok()) return std::move(path).error();
  log.variable_path = std::move(path).value();
  return {};
}

Result<void> add_access_log(Loader& loader, const Directive& d) {
  auto& logs = loader.level().own<AccessLogs>().logs;
  if (!logs) logs.emplace();
  if (d.args[0] == "off") {
    loader.level().own<AccessLogs>().off = true;
    if (d.args.size() == 1) return {};
    return config::error_at(d.at, "invalid parameter \"" + d.args[1] + '"');
  }
  AccessLog log;
  log.at = d.at;
  log.format_name = "combined";
  if (Result<void> placed = place_log(loader, d, log); !placed.ok()) return placed;
  std::optional<std::size_t> buffer;
  std::chrono::milliseconds longest{};  // flush=: how long a line may wait for others
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    const std::string& arg = d.args[i];
    if (arg.starts_with("buffer=")) {
      const auto size = config::parse_size(std::string_view(arg).substr(7));
      if (!size || *size == 0) return config::error_at(d.at, "invalid buffer size \"" + arg.substr(7) + '"');
      buffer = *size;
    } else if (arg.starts_with("flush=")) {
      const auto time = config::parse_milliseconds(std::string_view(arg).substr(6));
      if (!time || time->count() == 0) return config::error_at(d.at, "invalid flush time \"" + arg.substr(6) + '"');
      longest = *time;
    } else if (arg == "gzip" || arg.starts_with("gzip=")) {
      return config::error_at(d.at, "compressed logs are not supported", "compress them when they are rotated");
    } else if (arg.starts_with("if=")) {
      Result<rules::Template> condition = loader.compile(std::string_view(arg).substr(3), d);
      if (!condition.ok()) return std::move(condition).error();
      log.condition = std::move(condition).value();
    } else if (i == 1) {
      log.format_name = arg;
    } else {
      return config::error_at(d.at, "invalid parameter \"" + arg + '"');
    }
  }
  if (longest.count() != 0 && !buffer)
    return config::error_at(d.at, "no buffer is defined for access_log \"" + d.args[0] + '"');
  if (buffer && log.syslog) return config::error_at(d.at, "logs to syslog cannot be buffered");
  if (buffer && log.variable_path) return config::error_at(d.at, "buffered logs cannot have variables in name");
  if (!log.syslog && !log.variable_path) {
    auto writer = open_log(loader, log.path, buffer.value_or(0), longest);
    if (!writer.ok()) return config::error_at(d.at, writer.error().what);
    log.writer = std::move(writer).value();
  }
  logs->push_back(std::move(log));
  return {};
}

// Formats may stand behind the logs that name them, so they are looked up when http{} is complete.
Result<void> find_formats(Loader& loader, rules::Level& http) {
  const Directive place{"log_format", {"combined"}, http.at(), {}, false};
  auto made = Format::make(loader, place, combined, Format::Escape::Default);
  if (!made.ok()) return std::move(made).error();
  const std::shared_ptr<const Format> usual = std::move(made).value();

  auto& top = http.own<AccessLogs>().logs;
  if (!top) {
    AccessLog log;
    log.path = usual_log;
    log.format_name = "combined";
    log.at = http.at();
    auto writer = open_log(loader, log.path);
    if (!writer.ok()) return std::move(writer).error();
    log.writer = std::move(writer).value();
    top.emplace();
    top->push_back(std::move(log));
  }
  const auto& formats = http.own<Formats>().all;
  const std::function<void(rules::Level&)> resolve = [&](rules::Level& level) {
    if (level.has<AccessLogs>() && level.own<AccessLogs>().logs) {
      for (AccessLog& log : *level.own<AccessLogs>().logs) {
        if (log.format_name == "combined") log.format = usual;
        for (const auto& [name, format] : formats) {
          if (name == log.format_name) log.format = format;
        }
        if (!log.format) loader.note(config::error_at(log.at, "unknown log format \"" + log.format_name + '"'));
      }
    }
    for (const auto& inner : level.inner()) resolve(*inner);
  };
  resolve(http);
  return {};
}

constexpr unsigned log_blocks =
    rules::Http | rules::Server | rules::Location | rules::IfInLocation | rules::LimitExcept;

// open_log_file_cache off | max=N [inactive=TIME] [min_uses=N] [valid=TIME];
Result<void> check_log_cache(Loader& loader, const Directive& d) {
  for (const std::string_view parameter : d.args) {
    const auto value = [&](std::string_view name) { return parameter.substr(std::min(name.size(), parameter.size())); };
    const bool valid = parameter == "off" || (parameter.starts_with("max=") && config::parse_number(value("max="))) ||
                       (parameter.starts_with("min_uses=") && config::parse_number(value("min_uses="))) ||
                       (parameter.starts_with("inactive=") && config::parse_seconds(value("inactive="))) ||
                       (parameter.starts_with("valid=") && config::parse_seconds(value("valid=")));
    if (!valid) {
      return config::error_at(d.at, "invalid \"open_log_file_cache\" parameter \"" + std::string(parameter) + '"');
    }
  }
  return rules::check_once(loader, d);
}

constexpr std::array directives = {
    DirectiveSpec{"log_format", rules::Http, 2, rules::any_number, DirectiveSpec::Body::None, &add_format},
    DirectiveSpec{"access_log", log_blocks, 1, 6, DirectiveSpec::Body::None, &add_access_log},
    DirectiveSpec{"open_log_file_cache", rules::Http | rules::Server | rules::Location, 1, 4, DirectiveSpec::Body::None,
                  &check_log_cache, "logs stay open"},
};

}  // namespace

namespace {

// A path that a request's values made: only below a root that is there, and never out of its folder
// (ngx_http_log_script_write).
void write_to_variable_path(rules::RequestState& state, const AccessLog& log) {
  struct stat info {};
  const std::string root = document_root_of(state);
  if (::stat(root.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    rules::log(state, observe::Level::Error, "testing \"" + root + "\" existence failed while logging request");
    return;
  }
  const std::string path = log.variable_path->expand(state);
  for (const std::string_view part : text::split(path, '/')) {
    if (part == "..") return;
  }
  const auto file = observe::LogFile::open(path);
  if (!file.ok()) {
    rules::log(state, observe::Level::Crit, file.error().what + " while logging request");
    return;
  }
  file.value()->write(log.format->line(state) + '\n');
}

}  // namespace

void write_access_log(rules::RequestState& state) {
  const AccessLogs& settings = state.settings<AccessLogs>();
  if (!settings.logs || settings.off) return;
  for (const AccessLog& log : *settings.logs) {
    if (log.condition) {
      const std::string holds = log.condition->expand(state);
      if (holds.empty() || holds == "0") continue;
    }
    if (log.syslog) {
      log.syslog->send(log.format->line(state));
    } else if (log.variable_path) {
      write_to_variable_path(state, log);
    } else if (log.writer) {
      log.writer->write(log.format->line(state));
    }
  }
}

void describe_access_log(rules::Language& language) {
  language.add_directives(directives);
  language.add_block_end(rules::Http, &find_formats);
}

}  // namespace caisson::gateway

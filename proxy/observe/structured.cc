#include "observe/structured.h"

#include <array>
#include <ctime>
#include <map>

#include "observe/escape.h"

namespace caisson::observe {
namespace {

// RFC 3339 in UTC with nanoseconds.
std::string timestamp(std::chrono::system_clock::time_point now) {
  const std::time_t second = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  ::gmtime_r(&second, &utc);
  std::array<char, 32> date{};
  const std::size_t length = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S.", &utc);
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  const std::string part = std::to_string(since % 1'000'000'000);
  return std::string(date.data(), length) + std::string(9 - part.size(), '0') + part + 'Z';
}

// logrus has fewer levels.
std::string_view level_name(Level level) {
  switch (level) {
    case Level::Debug:
      return "debug";
    case Level::Info:
    case Level::Notice:
      return "info";
    case Level::Warn:
      return "warning";
    case Level::Emerg:
      return "fatal";
    default:
      return "error";
  }
}

using Fields = std::map<std::string, std::string, std::less<>>;

Fields fields_of(const LineForm& form, const LogContext& context) {
  Fields fields(form.fields.begin(), form.fields.end());
  const auto add = [&](const char* name, std::string_view value) {
    if (!value.empty()) fields.emplace(name, value);
  };
  if (context.connection != 0) fields.emplace("connection", std::to_string(context.connection));
  add("http.request.remoteaddr", context.client);
  add("http.request", context.request);
  add("http.request.host", context.host);
  add("http.request.referer", context.referrer);
  add("server", context.server);
  add("upstream", context.upstream);
  return fields;
}

bool needs_quotes(std::string_view value) {
  constexpr std::string_view plain = "-._/@^+";
  for (const char c : value) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && plain.find(c) == std::string_view::npos) return true;
  }
  return value.empty();
}

void append_text(std::string& line, std::string_view name, std::string_view value) {
  if (!line.empty()) line += ' ';
  line += name;
  line += '=';
  if (!needs_quotes(value)) {
    line += value;
  } else {
    line += '"' + json_escaped(value) + '"';
  }
}

std::string text_line(const Fields& fields, std::string_view level, std::string_view message, const std::string& time) {
  std::string line;
  append_text(line, "time", time);
  append_text(line, "level", level);
  append_text(line, "msg", message);
  for (const auto& [name, value] : fields) append_text(line, name, value);
  return line;
}

std::string json_line(const Fields& fields) {
  std::string line = "{";
  for (const auto& [name, value] : fields) {
    if (line.size() > 1) line += ',';
    line += '"' + json_escaped(name) + "\":\"" + json_escaped(value) + '"';
  }
  return line + '}';
}

}  // namespace

std::string structured_line(const LineForm& form, Level level, std::string_view message, const LogContext& context,
                            std::chrono::system_clock::time_point now) {
  Fields fields = fields_of(form, context);
  const std::string time = timestamp(now);
  if (form.kind == LineForm::Kind::Text) return text_line(fields, level_name(level), message, time);
  const bool logstash = form.kind == LineForm::Kind::Logstash;
  fields.insert_or_assign("level", std::string(level_name(level)));
  fields.insert_or_assign(logstash ? "message" : "msg", std::string(message));
  fields.insert_or_assign(logstash ? "@timestamp" : "time", time);
  if (logstash) fields.insert_or_assign("@version", "1");
  return json_line(fields);
}

}  // namespace caisson::observe

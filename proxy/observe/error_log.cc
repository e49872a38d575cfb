#include "observe/error_log.h"

#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <mutex>

#include "observe/escape.h"
#include "observe/structured.h"

namespace caisson::observe {

namespace {

constexpr std::size_t longest_line = 2048;  // NGX_MAX_ERROR_STR
constexpr std::array<std::string_view, 8> level_names = {"debug", "info", "notice", "warn",
                                                         "error", "crit", "alert",  "emerg"};

// spdlog compares levels as numbers and names them only in patterns, which are not used here. Its enumeration has eight
// values, "off" among them, and nginx has eight levels: each stands for the one with the same number.
static_assert(spdlog::level::n_levels == 7 && static_cast<int>(Level::Emerg) == 7);
spdlog::level::level_enum to_spdlog(Level level) { return static_cast<spdlog::level::level_enum>(level); }
Level from_spdlog(spdlog::level::level_enum level) { return static_cast<Level>(level); }

template <class Text>
void append(spdlog::memory_buf_t& to, const Text& text) {
  to.append(text.data(), text.data() + text.size());
}

// Ends the line, cut to size.
void end_line(spdlog::memory_buf_t& line) {
  if (line.size() >= longest_line) line.resize(longest_line - 1);
  line.push_back('\n');
}

// "2026/11/21 03:15:00 [error] 123#124: ". The sink's mutex guards it.
class DatedFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const std::time_t now = spdlog::log_clock::to_time_t(message.time);
    if (now != second_) {
      second_ = now;
      std::tm local{};
      ::localtime_r(&now, &local);
      date_.resize(32);
      date_.resize(std::strftime(date_.data(), date_.size(), "%Y/%m/%d %H:%M:%S [", &local));
    }
    append(line, date_);
    append(line, name_of(from_spdlog(message.level)));
    append(line, "] " + std::to_string(::getpid()) + '#' + std::to_string(message.thread_id) + ": ");
    append(line, message.payload);
    end_line(line);
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<DatedFormatter>(); }

 private:
  std::time_t second_ = -1;
  std::string date_;
};

// "caisson: [emerg] "
class CommandFormatter final : public spdlog::formatter {
 public:
  explicit CommandFormatter(std::string program) : program_(std::move(program)) {}
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    append(line, program_ + ": [");
    append(line, name_of(from_spdlog(message.level)));
    append(line, std::string_view("] "));
    append(line, message.payload);
    end_line(line);
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<CommandFormatter>(program_); }

 private:
  std::string program_;
};

class LogFileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LogFileSink(std::shared_ptr<LogFile> file, std::unique_ptr<spdlog::formatter> formatter)
      : base_sink(std::move(formatter)), file_(std::move(file)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_->write({line.data(), line.size()});
  }
  void flush_() override {}  // nothing is held back

  std::shared_ptr<LogFile> file_;
};

class SyslogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit SyslogSink(std::shared_ptr<Syslog> syslog)
      : base_sink(std::make_unique<DatedFormatter>()), syslog_(std::move(syslog)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const std::size_t without_end = line.size() - 1;
    // nginx's levels count upwards, syslog's downwards.
    syslog_->send({line.data(), without_end},
                  static_cast<unsigned>(Level::Emerg) - static_cast<unsigned>(message.level));
  }
  void flush_() override {}

  std::shared_ptr<Syslog> syslog_;
};

// The line as it is.
class WholeFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    append(line, message.payload);
    line.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<WholeFormatter>(); }
};

std::unique_ptr<spdlog::formatter> formatter_for(const ErrorLog::Target& target, const LineForm& form) {
  if (form.kind != LineForm::Kind::Nginx) return std::make_unique<WholeFormatter>();
  if (target.program.empty()) return std::make_unique<DatedFormatter>();
  return std::make_unique<CommandFormatter>(target.program);
}

void append_context(std::string& message, const LogContext& context) {
  const auto add = [&](std::string_view label, std::string_view value, std::string_view quote) {
    if (value.empty()) return;
    message += label;
    message += quote;
    message += value;
    message += quote;
  };
  add(", client: ", context.client, "");
  if (context.server.data() != nullptr) message.append(", server: ").append(context.server);
  add(", request: ", context.request, "\"");
  add(", subrequest: ", context.subrequest, "\"");
  add(", upstream: ", context.upstream, "\"");
  add(", host: ", context.host, "\"");
  add(", referrer: ", context.referrer, "\"");
}

}  // namespace

struct ErrorLog::Logger {
  mutable spdlog::logger logger;  // thread-safe, but its log() is not const
  std::shared_ptr<LogFile> first_file;
  LineForm form;
};

std::string_view name_of(Level level) noexcept { return level_names[static_cast<std::size_t>(level)]; }

std::optional<Level> level_named(std::string_view name) noexcept {
  const auto found = std::find(level_names.begin(), level_names.end(), name);
  if (found == level_names.end()) return std::nullopt;
  return static_cast<Level>(found - level_names.begin());
}

ErrorLog::ErrorLog(const std::vector<Target>& targets, LineForm form) {
  if (targets.empty()) return;
  std::vector<spdlog::sink_ptr> sinks;
  std::shared_ptr<LogFile> first_file;
  for (const Target& target : targets) {
    spdlog::sink_ptr sink;
    if (target.syslog) {
      sink = std::make_shared<SyslogSink>(target.syslog);
    } else {
      sink = std::make_shared<LogFileSink>(target.file, formatter_for(target, form));
      if (!first_file) first_file = target.file;
    }
    sink->set_level(to_spdlog(target.level));
    sinks.push_back(std::move(sink));
    least_ = std::min(least_, target.level);
  }
  auto made = std::make_shared<Logger>(
      Logger{spdlog::logger("caisson", sinks.begin(), sinks.end()), first_file, std::move(form)});
  made->logger.set_level(to_spdlog(least_));
  logger_ = std::move(made);
}

const LogFile* ErrorLog::first_file() const noexcept { return logger_ ? logger_->first_file.get() : nullptr; }

void ErrorLog::write(Level level, std::string_view message, const LogContext& context) const {
  if (!enabled(level)) return;
  if (logger_->form.kind != LineForm::Kind::Nginx) {
    const std::string line = structured_line(logger_->form, level, message.substr(0, longest_line), context);
    return logger_->logger.log(to_spdlog(level), line);
  }
  std::string text;
  if (context.connection != 0) text = '*' + std::to_string(context.connection) + ' ';
  text += message;
  append_context(text, context);
  logger_->logger.log(to_spdlog(level), without_controls(text));
}

}  // namespace caisson::observe

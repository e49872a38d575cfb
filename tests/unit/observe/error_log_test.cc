#include "observe/error_log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <regex>
#include <thread>

#include "unit/temporary_folder.h"

using namespace caisson;
using namespace caisson::observe;

namespace {

ErrorLog log_to(const TemporaryFolder& folder, Level level) {
  return ErrorLog({{LogFile::open(folder.path("error.log")).value(), level}});
}

}  // namespace

TEST_CASE("a line has nginx's form") {
  const TemporaryFolder folder;
  log_to(folder, Level::Error).error("connect() failed (111: Connection refused)");
  const std::string line = folder.text("error.log");
  const std::string pid = std::to_string(::getpid());
  CAPTURE(line);
  CHECK(std::regex_match(line, std::regex("\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d \\[error\\] " + pid +
                                          "#\\d+: " + "connect\\(\\) failed \\(111: Connection refused\\)\n")));
}

TEST_CASE("what is known of the request follows the message in nginx's order, what is not known is left out") {
  const TemporaryFolder folder;
  const ErrorLog log = log_to(folder, Level::Info);
  LogContext context;
  context.connection = 7;
  context.client = "1.2.3.4";
  context.server = "x";
  context.request = "GET / HTTP/1.1";
  context.upstream = "http://127.0.0.1:1/";
  context.host = "h";
  context.referrer = "r";
  log.warn("full", context);
  CHECK(
      folder.text("error.log")
          .ends_with(
              ": *7 full, client: 1.2.3.4, server: x, request: \"GET / HTTP/1.1\", upstream: \"http://127.0.0.1:1/\", "
              "host: \"h\", referrer: \"r\"\n"));
  context = {};
  context.connection = 8;
  context.client = "::1";
  log.info("short", context);
  CHECK(folder.text("error.log").ends_with(": *8 short, client: ::1\n"));
}

TEST_CASE("each target takes its own levels, and enabled() tells whether any does") {
  const TemporaryFolder folder;
  const ErrorLog log({{LogFile::open(folder.path("some")).value(), Level::Crit},
                      {LogFile::open(folder.path("more")).value(), Level::Notice}});
  CHECK(log.enabled(Level::Emerg));
  CHECK(log.enabled(Level::Notice));
  CHECK_FALSE(log.enabled(Level::Info));
  for (const Level level :
       {Level::Debug, Level::Info, Level::Notice, Level::Warn, Level::Error, Level::Crit, Level::Alert, Level::Emerg}) {
    log.write(level, name_of(level));
  }
  const auto levels = [](const std::string& text) {
    std::string found;
    const std::regex form("\\[(\\w+)\\] \\d+#\\d+: (\\w+)\n");
    for (std::sregex_iterator at(text.begin(), text.end(), form), end; at != end; ++at) {
      CHECK((*at)[1] == (*at)[2]);
      found += (*at)[1].str() + ' ';
    }
    return found;
  };
  CHECK(levels(folder.text("some")) == "crit alert emerg ");
  CHECK(levels(folder.text("more")) == "notice warn error crit alert emerg ");
}

TEST_CASE("without targets nothing is enabled, and writing does nothing") {
  const ErrorLog log;
  CHECK_FALSE(log.enabled(Level::Emerg));
  log.emerg("nowhere");
}

TEST_CASE("levels are named as in error_log") {
  CHECK(level_named("warn") == Level::Warn);
  CHECK(level_named("emerg") == Level::Emerg);
  CHECK_FALSE(level_named("warning").has_value());
}

TEST_CASE("the form of a command's complaint has neither date nor process") {
  const TemporaryFolder folder;
  const ErrorLog log({{LogFile::open(folder.path("error.log")).value(), Level::Warn, "caisson"}});
  log.emerg("unknown directive \"foo\" in /etc/nginx/conf.d/registry.conf:12");
  log.notice("not this");
  CHECK(folder.text("error.log") ==
        "caisson: [emerg] unknown directive \"foo\" in /etc/nginx/conf.d/registry.conf:12\n");
}

TEST_CASE("what a client sent cannot begin a line of its own, and braces in it mean nothing") {
  const TemporaryFolder folder;
  LogContext context;
  context.request = "GET /\n2026/11/21 [emerg] {} {0} %s";
  log_to(folder, Level::Error).error("bad", context);
  CHECK(folder.text("error.log").ends_with(": bad, request: \"GET /\\x0A2026/11/21 [emerg] {} {0} %s\"\n"));
}

TEST_CASE("a line that is too long is cut, and the next one begins at a line of its own") {
  const TemporaryFolder folder;
  const ErrorLog log = log_to(folder, Level::Error);
  log.error(std::string(5000, 'x'));
  log.error("next");
  const std::string text = folder.text("error.log");
  CHECK(text.find('\n') == 2047);
  CHECK(text.ends_with(": next\n"));
}

TEST_CASE("lines of several threads never mix") {
  const TemporaryFolder folder;
  const ErrorLog log = log_to(folder, Level::Error);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([log] {
      for (int n = 0; n < 500; ++n) log.error("0123456789abcdef");
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream lines(folder.text("error.log"));
  const std::regex form("[\\d/]+ [\\d:]+ \\[error\\] \\d+#\\d+: 0123456789abcdef");
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) REQUIRE(std::regex_match(line, form));
  CHECK(count == 2000);
}

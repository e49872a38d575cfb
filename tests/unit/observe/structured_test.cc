#include "observe/structured.h"

#include <doctest/doctest.h>

using namespace caisson::observe;

namespace {

using Kind = LineForm::Kind;
const auto moment = std::chrono::system_clock::time_point(std::chrono::nanoseconds(1'795'242'872'041'525'290));

std::string line(Kind kind, Level level, std::string_view message, const LogContext& context = {}) {
  return structured_line({kind, {{"service", "registry"}, {"zone", "a b"}}}, level, message, context, moment);
}

}  // namespace

TEST_CASE("text lines are logrus's: time, level, message, then the fields by name") {
  CHECK(line(Kind::Text, Level::Info, "listening on [::]:5000") ==
        "time=\"2026-11-21T06:34:32.041525290Z\" level=info msg=\"listening on [::]:5000\" service=registry "
        "zone=\"a b\"");
  CHECK(line(Kind::Text, Level::Warn, "short").find(" level=warning msg=short ") != std::string::npos);
}

TEST_CASE("JSON lines have all fields by name, the user's own among them") {
  CHECK(
      line(Kind::Json, Level::Error, "a \"b\"\n") ==
      R"({"level":"error","msg":"a \"b\"\n","service":"registry","time":"2026-11-21T06:34:32.041525290Z","zone":"a b"})");
  CHECK(line(Kind::Logstash, Level::Emerg, "x") ==
        R"({"@timestamp":"2026-11-21T06:34:32.041525290Z","@version":"1","level":"fatal","message":"x",)"
        R"("service":"registry","zone":"a b"})");
}

TEST_CASE("what is known of the request is in fields of its own") {
  LogContext context;
  context.connection = 7;
  context.client = "1.2.3.4";
  context.request = "GET / HTTP/1.1";
  context.host = "h";
  CHECK(line(Kind::Text, Level::Notice, "m", context)
            .find("level=info msg=m connection=7 http.request=\"GET / HTTP/1.1\" "
                  "http.request.host=h http.request.remoteaddr=1.2.3.4 "
                  "service=registry") != std::string::npos);
}

TEST_CASE("nothing that a client sends ends a line") {
  for (const Kind kind : {Kind::Text, Kind::Json, Kind::Logstash}) {
    const std::string made = line(kind, Level::Info, "a\nb\r\x1b[0m");
    for (const char c : made) CHECK(static_cast<unsigned char>(c) >= 0x20);
  }
}

#include "app/certificate_watch.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "config/source.h"

using namespace caisson;
using namespace caisson::app;
using namespace std::chrono_literals;

namespace {

// A log whose text can be looked at.
struct Log {
  Log() {
    const int made = ::mkstemp(path.data());
    REQUIRE(made >= 0);
    log = observe::ErrorLog({{std::make_shared<observe::LogFile>(path, Fd(made)), observe::Level::Notice, "test"}});
  }
  ~Log() { ::unlink(path.c_str()); }
  std::string take() {
    std::string text = config::FileSource().read(path).value();
    REQUIRE(::truncate(path.c_str(), 0) == 0);
    return text;
  }
  std::string path = "/tmp/certificate-watch-XXXXXX";
  observe::ErrorLog log;
};

CertificateTerm ending_in(const std::string& name, std::chrono::hours left) {
  return {"/" + name + ".crt", name, std::chrono::system_clock::now() + left + 1min};
}

}  // namespace

TEST_CASE("how long certificates are good is told when they come into force, and daily of those that end soon") {
  Log log;
  CertificateWatch watch;
  CHECK_FALSE(watch.deadline().has_value());
  watch.take({ending_in("a", 24h * 100), ending_in("b", 24h * 10), ending_in("b", 24h * 10), ending_in("c", -25h)},
             log.log);
  const std::string first = log.take();
  CHECK(first.find("[notice] certificate \"/a.crt\" expires in 100 days, on 20") != std::string::npos);
  CHECK(first.find("[warn] certificate \"/b.crt\" expires in 10 days, on 20") != std::string::npos);
  CHECK(first.find("[warn] certificate \"/c.crt\" expired 1 days ago, on 20") != std::string::npos);
  CHECK(std::count(first.begin(), first.end(), '\n') == 3);
  const auto left = watch.deadline().value() - CertificateWatch::Clock::now();
  CHECK(left > 23h);
  CHECK(left <= 24h);
  watch.remind(log.log);
  const std::string again = log.take();
  CHECK(again.find("/a.crt") == std::string::npos);
  CHECK(again.find("/b.crt") != std::string::npos);
}

TEST_CASE("while none ends soon, nobody is reminded") {
  Log log;
  CertificateWatch watch;
  watch.take({ending_in("a", 24h * 100)}, log.log);
  CHECK(watch.deadline().value() - CertificateWatch::Clock::now() > 69 * 24h);
  watch.take({}, log.log);
  CHECK_FALSE(watch.deadline().has_value());
}

TEST_CASE("Prometheus gets the end of each server's certificate, of several the first") {
  const auto at = [](int seconds) { return std::chrono::system_clock::time_point(std::chrono::seconds(seconds)); };
  observe::Exposition to;
  write_certificate_metrics({{"/a", "a.org", at(2000)}, {"/a2", "a.org", at(1000)}, {"/b", "b.org", at(3000)}}, to);
  CHECK(
      to.text().ends_with("caisson_certificate_not_after_timestamp_seconds{server_name=\"a.org\"} 1000\n"
                          "caisson_certificate_not_after_timestamp_seconds{server_name=\"b.org\"} 3000\n"));
  observe::Exposition none;
  write_certificate_metrics({}, none);
  CHECK(none.text().empty());
}

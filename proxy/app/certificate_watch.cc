#include "app/certificate_watch.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

namespace caisson::app {

namespace {

using namespace std::chrono_literals;

constexpr auto day = 24h;
constexpr auto soon = 30 * day;

std::string date_of(std::chrono::system_clock::time_point moment) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(moment);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

}  // namespace

void CertificateWatch::take(std::vector<CertificateTerm> terms, const observe::ErrorLog& log) {
  terms_ = std::move(terms);
  tell(log, true);
}

void CertificateWatch::remind(const observe::ErrorLog& log) { tell(log, false); }

// Servers share certificates: each file is told of once.
void CertificateWatch::tell(const observe::ErrorLog& log, bool all) {
  const auto now = std::chrono::system_clock::now();
  std::set<std::string> told;
  for (const CertificateTerm& term : terms_) {
    const auto left = term.expires - now;
    if ((!all && left >= soon) || !told.insert(term.path).second) continue;
    const std::string days =
        std::to_string(std::chrono::abs(std::chrono::duration_cast<std::chrono::hours>(left)) / day);
    const std::string what =
        left > 0s ? "\" expires in " + days + " days, on " : "\" expired " + days + " days ago, on ";
    log.write(left < soon ? observe::Level::Warn : observe::Level::Notice,
              "certificate \"" + term.path + what + date_of(term.expires));
  }
  // Once a day from the first one's last month on.
  deadline_.reset();
  for (const CertificateTerm& term : terms_) {
    const auto due = Clock::now() + std::max<Clock::duration>(day, term.expires - now - soon);
    deadline_ = deadline_ ? std::min(*deadline_, due) : due;
  }
}

void write_certificate_metrics(const std::vector<CertificateTerm>& terms, observe::Exposition& to) {
  if (terms.empty()) return;
  constexpr std::string_view name = "caisson_certificate_not_after_timestamp_seconds";
  std::map<std::string, std::chrono::system_clock::time_point> earliest;  // a server may have one of each kind of key
  for (const CertificateTerm& term : terms) {
    const auto [at, added] = earliest.emplace(term.server_name, term.expires);
    if (!added) at->second = std::min(at->second, term.expires);
  }
  to.family(name, "gauge", "When the certificate of a server ends, in seconds since the epoch.");
  for (const auto& [server_name, expires] : earliest) {
    to.sample(name, {{"server_name", server_name}}, static_cast<double>(std::chrono::system_clock::to_time_t(expires)));
  }
}

}  // namespace caisson::app

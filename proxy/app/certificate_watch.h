// How long the certificates in force are good: told when they come into force, and every day while one of them ends
// soon.
//
// Threading: one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "app/tls_hosts.h"
#include "observe/error_log.h"
#include "observe/metrics.h"

namespace caisson::app {

class CertificateWatch {
 public:
  using Clock = std::chrono::steady_clock;

  // These are in force from now on. Tells of each.
  void take(std::vector<CertificateTerm> terms, const observe::ErrorLog& log);
  // When remind() is due; nothing while none ends soon.
  const std::optional<Clock::time_point>& deadline() const noexcept { return deadline_; }
  void remind(const observe::ErrorLog& log);

 private:
  void tell(const observe::ErrorLog& log, bool all);

  std::vector<CertificateTerm> terms_;
  std::optional<Clock::time_point> deadline_;
};

// caisson_certificate_not_after_timestamp_seconds, by server_name: dashboards subtract time().
void write_certificate_metrics(const std::vector<CertificateTerm>& terms, observe::Exposition& to);

}  // namespace caisson::app

// The ssl_* directives of the virtual hosts, turned into tls/ contexts.
//
// Threading: check_tls() while loading; a TlsHosts is built on the loop thread that uses it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/virtual_hosts.h"
#include "tls/context.h"

namespace caisson::app {

// What all loops of a process share, so that a session begun on one is resumed on another.
struct TlsShared {
  std::shared_ptr<tls::SessionCache> sessions = std::make_shared<tls::SessionCache>(10 * 1024 * 1024);
  std::shared_ptr<tls::TicketKeys> tickets = std::make_shared<tls::TicketKeys>();
};

// Everything that is wrong with the TLS settings, and what works but will hurt.
struct TlsFindings {
  std::vector<Error> errors;
  std::vector<std::string> warnings;
};
TlsFindings check_tls(const gateway::VirtualHosts& hosts);

// A certificate that clients are shown, and how long it is good.
struct CertificateTerm {
  std::string path;
  std::string server_name;  // the first of its server; may be empty
  std::chrono::system_clock::time_point expires;
};
// Each once a server. REQUIRES: check_tls() found no errors.
std::vector<CertificateTerm> certificate_terms(const gateway::VirtualHosts& hosts);

// One entry for each endpoint, null for those without TLS; they hold the hosts. REQUIRES: check_tls() found no errors.
std::vector<std::shared_ptr<const tls::ServerHosts>> make_tls_hosts(
    const std::shared_ptr<const gateway::VirtualHosts>& hosts, const TlsShared& shared);

}  // namespace caisson::app

// Servers outside of this process: answers an exchange by asking one of them, both bodies passed on as they come.
//
// It expects the request as the backend is to see it (ProxyPass makes it so); what it adds is the framing. The rules of
// trying again: what was not sent may go to another server; a request without a body that may be repeated (RFC 9110
// section 9.2.2) may, as long as nothing of a response has gone to the client.
//
// Ownership: shares the servers and the idle connections, which outlive a call. Threading: as http::Handler.
#pragma once

#include <memory>

#include "async/per_loop.h"
#include "http/handler.h"
#include "upstream/idle_connections.h"
#include "upstream/server_group.h"
#include "upstream/tls_profile.h"

namespace caisson::upstream {

class ExternalBackend final : public http::Handler {
 public:
  using Idle = async::PerLoop<IdleConnections>;

  // `tls`: null for plain HTTP.
  ExternalBackend(std::shared_ptr<ServerGroup> servers, std::shared_ptr<TlsProfile> tls, std::shared_ptr<Idle> idle)
      : servers_(std::move(servers)), tls_(std::move(tls)), idle_(std::move(idle)) {}

  // REQUIRES: a rules::RequestState is attached to the exchange; its settings and Facts are used.
  // Answers 502 and 504 as nginx does, having logged why. Throws http::BadMessage when the backend broke off in the
  // middle of a response that has begun.
  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override;

 private:
  const std::shared_ptr<ServerGroup> servers_;
  const std::shared_ptr<TlsProfile> tls_;
  const std::shared_ptr<Idle> idle_;
};

}  // namespace caisson::upstream

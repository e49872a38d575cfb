// A request that the server asks itself while it handles a client's, to learn something (auth_request): a GET with the
// client's headers and without a body, which takes its way through the locations as any other, those that are
// `internal` included, but for access checks. Its answer is looked at and goes to nobody. The one way to make
// subrequests. ngx_http_subrequest
//
// Variables that the configuration makes (`set`, `map`, captures) are those of the client's request, for reading and
// for writing: nginx has one set of them for a request and all its subrequests.
//
// Ownership: lives in the coroutine that asks; borrows its parent's state. Threading: one loop.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "async/cancel.h"
#include "http/exchange.h"
#include "rules/request_state.h"

namespace caisson::rules {

class Subrequest final : private http::Responder, private http::BodyWriter {
 public:
  // `path` is taken as it is, a '?' in it too. REQUIRES: the parent has a runner.
  Subrequest(RequestState& parent, std::string path);
  Subrequest(const Subrequest&) = delete;
  Subrequest& operator=(const Subrequest&) = delete;

  // To the end of its answer, whatever that is. Throws what ends the client's request as well: async::Cancelled, and
  // http::PeerGone when a location closes the connection (`return 444`). Once.
  async::Task<void> run();

  RequestState& state() noexcept { return state_; }
  // After run(): the answer's head.
  const http::ResponseHead& answer() const noexcept { return head_; }

 private:
  // The body is dropped. A short one is read to its end, so that its backend's connection can serve again; of one that
  // goes on and on the rest is given up.
  static constexpr std::size_t most_dropped = 64 * 1024;
  bool gave_up() const noexcept { return dropped_ > most_dropped; }

  async::Task<void> inform(const http::ResponseHead&) override { co_return; }
  async::Task<void> start(http::ResponseHead head) override;
  http::BodyWriter& body() override { return *this; }
  async::Task<void> write(std::span<const std::byte> slice) override;
  async::Task<void> flush() override { co_return; }
  async::Task<void> finish() override { co_return; }

  http::ResponseHead head_;
  std::size_t dropped_ = 0;
  async::CancelScope* scope_ = nullptr;  // that everything which answers runs under
  http::EmptyBody no_body_;
  http::Exchange exchange_;
  RequestState state_;
};

}  // namespace caisson::rules

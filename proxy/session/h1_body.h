// A request's body as it comes over HTTP/1.1.
//
// Ownership: borrows the input and the transport of its connection. Threading: one loop.
#pragma once

#include "async/cancel.h"
#include "http/body.h"
#include "http/exchange.h"
#include "http/h1/body_decoder.h"
#include "session/input.h"

namespace caisson::session {

class H1Body final : public http::BodyReader {
 public:
  // `expects_continue`: the client waits for "100 Continue" before it sends; the first read() says it.
  H1Body(Input& input, net::Transport& transport, http::BodySize size, bool expects_continue)
      : input_(input), transport_(transport), size_(size), decoder_(size), expects_continue_(expects_continue) {}
  ~H1Body() override { transport_.cancel_when_closed(nullptr); }
  H1Body(const H1Body&) = delete;
  H1Body& operator=(const H1Body&) = delete;
  // The idle limits of the location that answers; set before the first read().
  void follow(const http::ConnectionPolicy& policy) noexcept { policy_ = &policy; }

  http::BodySize size() const noexcept override { return size_; }
  async::Task<std::span<const std::byte>> read() override;
  async::Task<bool> discard(bool invite) override;

  bool done() const noexcept { return decoder_.done(); }
  // A final response has begun: nobody is told to continue any more.
  void response_began() noexcept { expects_continue_ = false; }
  // After a 101: what follows are the raw bytes of another protocol, up to the end of the stream.
  void become_raw() noexcept;
  // Cancels `scope` when the client closes its side although it has sent its whole request: nobody waits for the answer
  // any more. REQUIRES: the scope outlives this.
  void cancel_when_abandoned(async::CancelScope& scope);

 private:
  async::Task<void> invite();
  void ended();
  net::Milliseconds idle() const noexcept;

  Input& input_;
  net::Transport& transport_;
  http::BodySize size_;
  http::h1::BodyDecoder decoder_;
  const http::ConnectionPolicy* policy_ = nullptr;
  async::CancelScope* abandoned_ = nullptr;
  bool expects_continue_;
  bool raw_ = false;
};

}  // namespace caisson::session

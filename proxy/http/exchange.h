// One request and its response: the waist between the wire (session/, http/h1) below and rules and handlers above.
// Nobody above knows TLS or the protocol version, nobody below knows passwords or blobs.
//
// Ownership: the session's, for as long as the handler's task runs. Threading: one loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/client_certificate.h"
#include "http/body.h"
#include "http/message.h"

namespace caisson::http {

// What a proxy in front said of the connection that it passes on (the PROXY protocol); all empty when it did not say.
struct ForwardedConnection {
  std::string client_address;
  std::uint16_t client_port = 0;
  std::string server_address;
  std::uint16_t server_port = 0;
};

// What is known of the connection that a request came on. Constant while the connection lives, but for `requests`
// and `pipelined`.
struct ConnectionInfo {
  std::uint64_t serial = 0;  // $connection
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::uint64_t requests = 0;  // $connection_requests
  std::string client_address;  // without a port; "unix:" for a unix socket
  std::uint16_t client_port = 0;
  std::string server_address;
  std::uint16_t server_port = 0;
  std::optional<ForwardedConnection> forwarded;
  bool tls = false;
  std::string tls_protocol;  // "TLSv1.3"
  std::string tls_cipher;
  std::string tls_ciphers;  // that the client can; with ":" between
  std::string tls_curve;
  std::string tls_curves;      // that the client can
  std::string tls_session_id;  // in hexadecimal
  bool tls_session_reused = false;
  std::string tls_server_name;                                  // SNI, lower case
  std::shared_ptr<const ClientCertificate> client_certificate;  // null: none was shown
  int descriptor = -1;       // of its socket, for $tcpinfo_rtt and its like; -1: none
  bool pipelined = false;    // $pipe: this request came before the last response had left
  std::size_t listener = 0;  // which listening socket: an index into the settings' list
};

// The wire's side of a response; implemented by the codec's session, and by whoever stands between two exchanges.
class Responder {
 public:
  virtual ~Responder() = default;
  // Sends an interim response (1xx).
  virtual async::Task<void> inform(const ResponseHead& interim) = 0;
  // The final head. It leaves with the first bytes of the body, or at body().flush() or finish(), whichever comes
  // first. The body's size is the head's Content-Length; without one it is streamed. Once.
  virtual async::Task<void> start(ResponseHead head) = 0;
  // A head and its whole body at once, in the place of start() and body(). Its Content-Length is set already.
  virtual async::Task<void> send(ResponseHead head, std::string body);
  // The body's sink, after start(). For a response without a body (HEAD, 204, 304) it takes and drops bytes.
  virtual BodyWriter& body() = 0;
  // After a 101: the connection's raw bytes, both ways. The request body reader then yields what the client sends.
  virtual bool can_upgrade() const noexcept { return false; }
};

// How the client's connection is treated while and after this exchange; the settings of the location say it.
struct ConnectionPolicy {
  std::chrono::milliseconds body_idle{60'000};            // between two reads of the request body
  std::chrono::milliseconds send_idle{60'000};            // between two writes of the response
  std::chrono::milliseconds keep_alive{75'000};           // until the next request; zero closes
  std::optional<std::chrono::seconds> keep_alive_header;  // what "Keep-Alive: timeout=" tells the client
  std::uint64_t keep_alive_requests = 1000;
  bool chunked_allowed = true;  // chunked_transfer_encoding
  // What a client still sends that nobody reads is taken away, so that the close does not destroy our last answer.
  enum class Linger : unsigned char { Never, WhenSending, Always };
  Linger linger = Linger::WhenSending;
  std::chrono::milliseconds linger_in_all{30'000};
  std::chrono::milliseconds linger_idle{5'000};
  bool reset_timed_out = false;  // end a connection that timed out by a reset (reset_timedout_connection)
  // Bytes a second of a response; zero is no limit. The first `unlimited_bytes` of it do not count.
  std::uint64_t rate = 0;
  std::uint64_t unlimited_bytes = 0;
};

// What went over the wire for this exchange, in bytes; the session counts.
struct Traffic {
  std::uint64_t received = 0;   // $request_length
  std::uint64_t sent = 0;       // $bytes_sent
  std::uint64_t body_sent = 0;  // $body_bytes_sent
  bool chunked = false;         // the head told of chunks, and of a connection that is kept
  bool kept_alive = false;
};

class Exchange {
 public:
  // What the layer that handles the exchange attaches to it (rules::RequestState).
  class Extension {
   public:
    virtual ~Extension() = default;
  };

  // Looks at, and may change, a final head just before it leaves: add_header, the version header, Server.
  using HeadStage = std::function<void(ResponseHead&)>;
  // Makes what stands between the handler and the wire for one response: it changes the bytes and hands them to `next`,
  // flushes when it is flushed, and finishes `next` when it is finished.
  using BodyFilter = std::function<std::unique_ptr<BodyWriter>(BodyWriter& next)>;

  Exchange(RequestHead request, BodyReader& body, Responder& responder, const ConnectionInfo& connection)
      : request_(std::move(request)), body_(&body), responder_(responder), connection_(connection) {}
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const RequestHead& request() const noexcept { return request_; }
  RequestHead& mutable_request() noexcept { return request_; }
  const ConnectionInfo& connection() const noexcept { return connection_; }

  // The request's body. The first read() answers "Expect: 100-continue".
  BodyReader& body() noexcept { return *body_; }
  // Puts a filter (a size limit) before the body. Borrowed: it outlives the exchange's handling.
  void filter_body(BodyReader& filter) noexcept { body_ = &filter; }
  // Nobody will read the body; as BodyReader::discard().
  async::Task<bool> discard_body(bool invite) { return body_->discard(invite); }

  // "https" or "http", and the Host that the client used (as sent, with its port): what a Location for it is made of.
  // An exchange that stands behind proxy_pass keeps those of the client's own request.
  std::string_view client_scheme() const noexcept { return connection_.tls ? "https" : "http"; }
  const std::string& client_host() const noexcept { return client_host_; }
  void set_client_host(std::string host) { client_host_ = std::move(host); }

  // Who asks: the connection's other end, or whom a trusted proxy in between names (set_real_ip_from). Without a port.
  const std::string& client_address() const noexcept {
    return client_address_.empty() ? connection_.client_address : client_address_;
  }
  std::uint16_t client_port() const noexcept {
    return client_address_.empty() ? connection_.client_port : client_port_;
  }
  void set_client_address(std::string address, std::uint16_t port) {
    client_address_ = std::move(address);
    client_port_ = port;
  }

  // The user that an access check let in; empty: nobody asked.
  const std::string& user() const noexcept { return user_; }
  void set_user(std::string name) { user_ = std::move(name); }

  Extension* extension() const noexcept { return extension_; }
  void attach(Extension* extension) noexcept { extension_ = extension; }

  ConnectionPolicy& policy() noexcept { return policy_; }
  Traffic& traffic() noexcept { return traffic_; }

  // Not zero: the wire form of this request is broken, and this status is to be answered. Nothing else of the request
  // may be trusted. The connection closes after it.
  unsigned refused() const noexcept { return refused_; }
  const std::string& refusal() const noexcept { return refusal_; }  // for the log; "": the client is gone
  void refuse(unsigned status, std::string why) {
    refused_ = status;
    refusal_ = std::move(why);
  }

  void on_head(HeadStage stage) { head_stage_ = std::move(stage); }
  // While a head stage runs: the body goes through this filter, too; of several, through the first one first. The stage
  // has taken away a Content-Length that the filter makes untrue.
  void filter_response(BodyFilter filter) { body_filters_.push_back(std::move(filter)); }

  // Runs the head through the stage, for respond_head() to take as Head::Settled: for a handler whose body depends on
  // what becomes of its head, such as the ranges of a file that may get compressed.
  void settle_head(ResponseHead& head);
  enum class Head { Fresh, Settled };
  // Runs the head through the stage and sends it; the body then goes to the writer, whose last call is finish(). Once.
  async::Task<BodyWriter*> respond_head(ResponseHead head, Head state = Head::Fresh);
  // A whole response. Sets Content-Length unless the status has no body.
  async::Task<void> respond(ResponseHead head, std::string body);
  async::Task<void> inform(const ResponseHead& interim) { return responder_.inform(interim); }
  bool can_upgrade() const noexcept { return responder_.can_upgrade(); }

  // 0 until the final head has been sent.
  unsigned status() const noexcept { return status_; }
  bool responded() const noexcept { return status_ != 0; }

 private:
  BodyWriter& filtered_body();

  RequestHead request_;
  BodyReader* body_;
  Responder& responder_;
  const ConnectionInfo& connection_;
  std::string client_host_;
  std::string client_address_;  // empty: the connection's
  std::uint16_t client_port_ = 0;
  std::string user_;
  HeadStage head_stage_;
  std::vector<BodyFilter> body_filters_;
  std::vector<std::unique_ptr<BodyWriter>> filtering_;  // from the wire back to the handler
  Extension* extension_ = nullptr;
  ConnectionPolicy policy_;
  Traffic traffic_;
  unsigned refused_ = 0;
  std::string refusal_;
  unsigned status_ = 0;
};

}  // namespace caisson::http

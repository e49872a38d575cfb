// The API asked in memory: no sockets; a real store in a folder of its own, a real pool.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "async/loop.h"
#include "base/text.h"
#include "http/exchange.h"
#include "registry/api/api.h"
#include "unit/http/recorder.h"
#include "unit/registry/store/scratch.h"

namespace caisson::registry {

struct Response : http::ResponseHead {
  Response() { status = 0; }  // until it is answered

  std::string body;
  bool finished = false;
  bool broken = false;  // the handler ended by PeerGone or Cancelled

  std::string operator[](std::string_view name) const { return headers.joined(name).value_or("(none)"); }
  // An error with this code.
  bool says(unsigned wanted, std::string_view code) const {
    return status == wanted && body.find('"' + std::string(code) + '"') != std::string::npos;
  }
};

// A request body that comes in the given slices, and may break off behind the last.
class FakeBody final : public http::BodyReader {
 public:
  FakeBody(std::vector<std::string> slices, http::BodySize size, bool breaks_off)
      : slices_(std::move(slices)), size_(size), breaks_off_(breaks_off) {}
  http::BodySize size() const noexcept override { return size_; }
  async::Task<std::span<const std::byte>> read() override {
    if (next_ < slices_.size()) co_return text::bytes_of(slices_[next_++]);
    if (breaks_off_) throw http::PeerGone();
    co_return std::span<const std::byte>();
  }

 private:
  std::vector<std::string> slices_;
  http::BodySize size_;
  bool breaks_off_;
  std::size_t next_ = 0;
};

struct Ask {
  std::string method = "GET";
  std::string target = "/v2/";
  http::Headers headers{};
  std::string body{};
  bool streamed = false;    // the body comes without a declared size
  bool breaks_off = false;  // the client goes in the middle of its body
  std::size_t slice_size = 64 * 1024;
};

class Registry {
 public:
  explicit Registry(ApiSettings settings = {}, std::size_t queue_limit = 100) : pool_(2, queue_limit), api_(&pool_) {
    settings.root = scratch.path().string();
    const auto opened = api_.open(std::move(settings), observe::ErrorLog());
    REQUIRE_MESSAGE(opened.ok(), opened.error().what);
  }

  Response ask(const Ask& request) {
    Response response;
    async::Loop loop;
    http::RequestHead head;
    head.method = request.method;
    head.target = http::parse_target(request.target).value();
    head.headers = request.headers;
    head.body = request.streamed       ? http::BodySize::streamed()
                : request.body.empty() ? http::BodySize::none()
                                       : http::BodySize::declared(request.body.size());
    std::vector<std::string> slices;
    for (std::size_t at = 0; at < request.body.size(); at += request.slice_size) {
      slices.push_back(request.body.substr(at, request.slice_size));
    }
    FakeBody body(std::move(slices), head.body, request.breaks_off);
    http::ConnectionInfo info;
    info.client_address = "192.0.2.1";
    info.client_port = 40000;
    info.tls = true;
    http_test::Recorder recorder(response, response.body, response.finished);
    http::Exchange exchange(std::move(head), body, recorder, info);
    exchange.set_client_host(client_host);
    exchange.set_user(user);
    loop.spawn(handle(exchange, response));
    loop.stop_when_idle();
    loop.run();
    return response;
  }

  Response get(const std::string& target, http::Headers headers = {}) {
    return ask({"GET", target, std::move(headers)});
  }

  // A whole blob, in one POST.
  std::string push(const std::string& name, const std::string& bytes) {
    const std::string digest = store::sha256(bytes).str();
    const Response done = ask({"POST", "/v2/" + name + "/blobs/uploads/?digest=" + digest, {}, bytes});
    REQUIRE(done.status == 201);
    return digest;
  }
  // Begins an upload; its path.
  std::string begin(const std::string& name) {
    const Response begun = ask({"POST", "/v2/" + name + "/blobs/uploads/"});
    REQUIRE(begun.status == 202);
    return "/v2/" + name + "/blobs/uploads/" + begun["Docker-Upload-UUID"];
  }

  store::Scratch scratch;
  std::string client_host = "registry.example:5043";
  std::string user;  // who is logged in

 private:
  async::Task<void> handle(http::Exchange& exchange, Response& response) {
    try {
      const auto unanswered = co_await api_.handle(exchange);
      CHECK_FALSE(unanswered.has_value());
    } catch (const http::PeerGone&) {
      response.broken = true;
    } catch (const async::Cancelled&) {
      response.broken = true;
    }
  }

  async::BlockingPool pool_;
  Api api_;
};

}  // namespace caisson::registry

// A gate over a configuration text, asked in memory: no sockets, and no files but those that a test makes.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>

#include "async/loop.h"
#include "async/pool.h"
#include "gateway/gateway.h"
#include "http/exchange.h"
#include "rules/loader.h"
#include "unit/http/recorder.h"

namespace gate_test {

using namespace caisson;

struct Response {
  http::ResponseHead head;
  std::string body;
  bool finished = false;

  std::string header(std::string_view name) const { return head.headers.joined(name).value_or("(none)"); }
};

struct Request {
  std::string method = "GET";
  std::string target = "/";
  http::Headers headers{};
  http::BodySize body{};
};

class Gate {
 public:
  // `http` is the inside of the http block.
  // `more` describes the modules that are there beside the gateway.
  explicit Gate(const std::string& http, void (*more)(rules::Language&) = nullptr)
      : source_({{"/etc/test.conf", "events {}\nhttp {\n" + http + "\n}\n"}}) {
    gateway::describe(language_);
    if (more != nullptr) more(language_);
    rules::Services services;
    services.disk = &disk_;
    rules::Loader loader(language_, source_, {"/prefix/", "/etc/", "stderr"}, services);
    auto loaded = loader.load(config::parse(source_, "/etc/test.conf"));
    for (const Error& error : loaded.errors) errors += error.what + '\n';
    for (const std::string& warning : loaded.warnings) warnings += warning + '\n';
    settings_ = std::move(loaded.settings);
  }

  Response ask(const Request& request) {
    REQUIRE_MESSAGE(settings_ != nullptr, errors);
    Response response;
    async::Loop loop;
    gateway::Gateway gate(*settings_);
    http::RequestHead head;
    head.method = request.method;
    head.target = http::parse_target(request.target).value();
    head.headers = request.headers;
    if (!head.headers.has("Host")) head.headers.add("Host", "a.example");
    head.body = request.body;
    head.line = request.method + ' ' + request.target + " HTTP/1.1";
    http::ConnectionInfo info;
    info.client_address = client;
    info.server_address = "127.0.0.1";
    info.server_port = 80;
    if (connection) connection(info);
    http::EmptyBody body;
    http_test::Recorder recorder(response.head, response.body, response.finished);
    http::Exchange exchange(std::move(head), body, recorder, info);
    exchange.set_client_host("a.example");
    loop.spawn(serve(gate, exchange));
    loop.stop_when_idle();
    loop.run();
    return response;
  }
  std::string get(const std::string& target) { return ask({"GET", target}).body; }
  unsigned status(const std::string& target) { return ask({"GET", target}).head.status; }

  std::string client = "192.0.2.1";                       // who asks
  std::function<void(http::ConnectionInfo&)> connection;  // changes what is known of the connection
  std::string errors;
  std::string warnings;

 private:
  static async::Task<void> serve(gateway::Gateway& gate, http::Exchange& exchange) { co_await gate.handle(exchange); }

  async::BlockingPool disk_{1, 64};
  config::MemorySource source_;
  rules::Language language_;
  std::unique_ptr<rules::Settings> settings_;
};

}  // namespace gate_test

// A request to the first location of a configuration, at the moment when access is checked.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/loop.h"
#include "http/exchange.h"
#include "rules/language.h"
#include "rules/loader.h"
#include "rules/phases.h"

namespace auth_test {

using namespace caisson;

class CheckedRequest {
 public:
  CheckedRequest(http::RequestHead head, const rules::Settings& settings)
      : exchange_(std::move(head), body_, responder_, connection_), state_(exchange_, settings.variables) {
    exchange_.attach(&state_);
    state_.level = settings.root.inner().at(0)->inner().at(0)->inner().at(0).get();
  }

  // What the checks that apply there say.
  std::vector<rules::AccessVerdict> judge(const rules::Language& language) {
    std::vector<rules::AccessVerdict> verdicts;
    async::Loop loop;
    loop.spawn(judge(language, verdicts));
    loop.stop_when_idle();
    loop.run();
    return verdicts;
  }
  static std::string header(const rules::AccessVerdict& verdict, std::string_view name) {
    const std::string* const value = verdict.answer.headers.find(name);
    return value != nullptr ? *value : std::string();
  }
  std::string user() const { return exchange_.user(); }
  rules::RequestState& state() { return state_; }

 private:
  struct NoResponse final : http::Responder {
    async::Task<void> inform(const http::ResponseHead&) override { co_return; }
    async::Task<void> start(http::ResponseHead) override { co_return; }
    http::BodyWriter& body() override { throw std::logic_error("nothing responds in this test"); }
  };
  static http::ConnectionInfo from_somebody() {
    http::ConnectionInfo connection;
    connection.client_address = "192.0.2.1";
    return connection;
  }
  async::Task<void> judge(const rules::Language& language, std::vector<rules::AccessVerdict>& verdicts) {
    for (const auto& check : language.access_checks()) {
      if (check->applies(*state_.level)) verdicts.push_back(co_await check->judge(state_));
    }
  }

  http::ConnectionInfo connection_ = from_somebody();
  http::EmptyBody body_;
  NoResponse responder_;
  http::Exchange exchange_;
  rules::RequestState state_;
};

}  // namespace auth_test

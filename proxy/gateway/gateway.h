// The gate itself: takes each exchange from its virtual host through its location and nginx's phases to the handler
// that answers it. Follow handle() from top to bottom to see what happens to a request.
//
// Ownership: borrows the settings, which live as long as the gate. Threading: one gate serves all loops; nothing in it
// changes after the constructor.
#pragma once

#include <exception>

#include "gateway/locations.h"
#include "gateway/virtual_hosts.h"
#include "http/handler.h"
#include "rules/loader.h"
#include "rules/phases.h"

namespace caisson::gateway {

class Gateway final : public http::Handler, private rules::SubrequestRunner {
 public:
  // REQUIRES: the settings were loaded with a Language that describe() filled.
  explicit Gateway(const rules::Settings& settings);

  const VirtualHosts& hosts() const noexcept { return *hosts_; }

  // Always answers: returns nothing.
  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override;

 private:
  using Refusal = std::optional<http::Answer>;

  void choose_host(rules::RequestState& state) const;
  void enter(rules::RequestState& state, const rules::Level& level) const;
  async::Task<void> run_subrequest(rules::RequestState& state) const override;
  // To the end of its answer, also when a handler throws; what broke it off, if anything did.
  async::Task<std::exception_ptr> serve_whole(rules::RequestState& state) const;
  async::Task<void> serve(rules::RequestState& state) const;
  // What answers before any location is asked.
  Refusal begin(rules::RequestState& state) const;
  async::Task<Refusal> answer_from_server(rules::RequestState& state) const;
  async::Task<Refusal> answer_from_location(rules::RequestState& state) const;
  async::Task<Refusal> answer_from_named(rules::RequestState& state, const Location& location) const;
  async::Task<Refusal> concluded(rules::RequestState& state, rules::RewriteStep::Flow flow, Refusal answer) const;
  async::Task<Refusal> check_and_handle(rules::RequestState& state) const;
  async::Task<Refusal> run_handler(rules::RequestState& state) const;
  // Follows error pages and internal redirects until something has responded, or an answer is there to stay.
  async::Task<Refusal> conclude(rules::RequestState& state, Refusal answer) const;
  async::Task<Refusal> go_on(rules::RequestState& state) const;
  // The answer, or nothing when an error page takes its place: state.redirect_to then says which.
  Refusal with_error_page(rules::RequestState& state, http::Answer answer) const;
  async::Task<void> render(rules::RequestState& state, http::Answer answer) const;

  const rules::Settings& settings_;
  const VirtualHosts* hosts_ = nullptr;
};

// Registers all directives, variables and stages of gateway/.
void describe(rules::Language& language);

}  // namespace caisson::gateway

#include "gateway/gateway.h"

#include <exception>

#include "base/text.h"
#include "gateway/access_log.h"
#include "gateway/body_limit.h"
#include "gateway/core_directives.h"
#include "gateway/core_settings.h"
#include "gateway/error_page.h"
#include "gateway/host.h"
#include "gateway/map.h"
#include "gateway/redirect.h"
#include "gateway/response_headers.h"
#include "gateway/rewrite.h"
#include "gateway/tls_settings.h"
#include "gateway/variables.h"
#include "rules/request_log.h"

namespace caisson::gateway {

using http::Answer;
using rules::RequestState;
using Flow = rules::RewriteStep::Flow;

namespace {

constexpr unsigned most_cycles = 10;  // ngx_http_core_module: NGX_HTTP_MAX_URI_CHANGES

Answer status_only(unsigned status) { return {status, {}, std::nullopt}; }

// After these nginx does not keep the connection (ngx_http_special_response_handler).
bool closes_connection(unsigned status) {
  switch (status) {
    case 400:
    case 413:
    case 414:
    case 494:
    case 495:
    case 496:
    case 497:
    case 500:
    case 501:
      return true;
    default:
      return false;
  }
}

// What an exception of a handler means, when nothing has been sent yet: the status for the client.
struct Failure {
  unsigned status = 0;  // for the client, or for the log alone when there is nobody to answer
  bool answerable = false;
  std::exception_ptr rethrow;
};

Failure classify(RequestState& state) {
  Failure failure;
  try {
    throw;
  } catch (const http::BadMessage& bad) {
    rules::log(state, observe::Level::Info, bad.what());
    failure = {bad.status, true, std::current_exception()};
  } catch (const async::Busy&) {
    rules::log(state, observe::Level::Warn, "too much work is waiting, the request is turned away");
    failure = {503, true, std::current_exception()};
  } catch (const async::TimedOut&) {
    rules::log(state, observe::Level::Info, "client timed out");
    failure = {408, false, std::current_exception()};
  } catch (const async::Cancelled&) {
    failure = {499, false, std::current_exception()};
  } catch (const http::PeerGone&) {
    rules::log(state, observe::Level::Info, "client prematurely closed connection");
    failure = {400, false, std::current_exception()};
  } catch (const std::exception& bug) {
    rules::log(state, observe::Level::Alert, std::string("request failed unexpectedly: ") + bug.what());
    failure = {500, true, std::current_exception()};
  }
  return failure;
}

}  // namespace

Gateway::Gateway(const rules::Settings& settings) : settings_(settings) {
  static const VirtualHosts none;
  hosts_ = &none;
  for (const auto& level : settings.root.inner()) {
    if (level->kind() != rules::Http) continue;
    hosts_ = &level->get<HttpBlock>().hosts;
  }
}

async::Task<std::optional<Answer>> Gateway::handle(http::Exchange& exchange) {
  RequestState state(exchange, settings_.variables);
  exchange.attach(&state);
  choose_host(state);
  http::ResponseHead sent;
  exchange.on_head([this, &state, &sent](http::ResponseHead& head) {
    if (state.override_status != 0) head.status = state.override_status;
    if (!state.challenge.empty() && !head.headers.has("WWW-Authenticate")) {
      head.headers.add("WWW-Authenticate", state.challenge);
    }
    for (const auto& stage : settings_.language.response_stages()) stage->edit(state, head);
    sent = head;
    state.response = &sent;
  });

  std::exception_ptr broken;
  std::optional<Failure> failure;
  try {
    co_await serve(state);
    state.completed = true;
  } catch (...) {
    failure = classify(state);
  }
  if (failure && failure->answerable && !exchange.responded()) {
    try {
      co_await render(state, status_only(failure->status));
    } catch (...) {
      broken = std::current_exception();
    }
  } else if (failure) {
    if (state.failed_status == 0) state.failed_status = failure->status;
    broken = failure->rethrow;
  }
  write_access_log(state);
  exchange.on_head(nullptr);
  exchange.attach(nullptr);
  if (broken) std::rethrow_exception(broken);
  co_return std::nullopt;
}

void Gateway::choose_host(RequestState& state) const {
  const http::ConnectionInfo& connection = state.exchange.connection();
  const Endpoint& endpoint = hosts_->endpoint_of(connection.listener, connection.server_address);
  Endpoint::Found found = endpoint.find(requested_host(state.exchange.request()));
  state.server = found.host->level;
  state.server_name = found.host->primary_name();
  if (found.name != nullptr) {
    state.captures = std::move(found.captures);
    for (std::size_t i = 0; i < found.name->captures.size(); ++i) {
      state.set_variable(found.name->captures[i], state.captures[found.name->regex->names()[i].second]);
    }
  }
  enter(state, *state.server);
}

// From here on these settings are in force.
void Gateway::enter(RequestState& state, const rules::Level& level) const {
  state.level = &level;
  const CoreSettings& core = level.get<CoreSettings>();
  http::ConnectionPolicy& policy = state.exchange.policy();
  const http::ConnectionPolicy usual;
  policy.body_idle = core.client_body_timeout.value_or(usual.body_idle);
  policy.send_idle = core.send_timeout.value_or(usual.send_idle);
  policy.keep_alive = core.keepalive_timeout.value_or(usual.keep_alive);
  policy.keep_alive_requests = core.keepalive_requests.value_or(usual.keep_alive_requests);
  policy.chunked_allowed = core.chunked_transfer_encoding.value_or(true);
}

async::Task<void> Gateway::serve(RequestState& state) const {
  for (const std::string& name : state.exchange.request().ignored) {
    rules::log(state, observe::Level::Info, "client sent invalid header line: \"" + name + "...\"");
  }
  if (const unsigned refused = state.exchange.refused(); refused != 0) {
    rules::log(state, observe::Level::Info, state.exchange.refusal());
    co_return co_await render(state, status_only(refused));
  }
  Refusal answer = co_await answer_from_location(state);
  if (answer) answer = co_await with_error_page(state, std::move(*answer));
  if (answer) co_await render(state, std::move(*answer));
}

// The rewrite phases, up to a location that stays, and then that location's access and content phases.
async::Task<Gateway::Refusal> Gateway::answer_from_location(RequestState& state) const {
  Refusal answer;
  if (run_script(*state.server, state, answer) == Flow::Answer) co_return answer;
  for (unsigned cycle = 0; cycle <= most_cycles; ++cycle) {
    const FoundLocation found = find_location(*state.server, state.path, state);
    if (found.location == nullptr) co_return co_await check_and_handle(state);
    enter(state, *found.location->level);
    if (state.settings<CoreSettings>().internal.value_or(false) && !state.internal) co_return status_only(404);
    if (exceeds_body_limit(state)) co_return status_only(413);
    if (found.missing_slash) {
      Answer redirect = status_only(301);
      std::string target = found.location->text;
      if (!state.args.empty()) target += '?' + state.args;
      redirect.headers.set("Location", absolute_location(state, std::move(target)));
      co_return redirect;
    }
    const std::string path_before = state.path;
    const Flow flow = run_script(*found.location->level, state, answer);
    if (flow == Flow::Answer) co_return answer;
    const bool look_again = flow == Flow::Last || (flow == Flow::Next && state.path != path_before);
    if (!look_again) {
      enter(state, *state.level);  // an `if` may have brought its own settings
      co_return co_await check_and_handle(state);
    }
  }
  rules::log(state, observe::Level::Error,
             "rewrite or internal redirection cycle while processing \"" + state.path + '"');
  co_return status_only(500);
}

async::Task<Gateway::Refusal> Gateway::answer_from_named(RequestState& state, const Location& location) const {
  enter(state, *location.level);
  Refusal answer;
  switch (run_script(*location.level, state, answer)) {
    case Flow::Answer:
      co_return answer;
    case Flow::Last:
      co_return co_await answer_from_location(state);
    default:
      co_return co_await check_and_handle(state);
  }
}

async::Task<Gateway::Refusal> Gateway::check_and_handle(RequestState& state) const {
  for (const auto& check : settings_.language.access_checks()) {
    if (!check->applies(*state.level)) continue;
    if (Refusal refusal = co_await check->refuses(state)) co_return refusal;
  }
  co_return co_await run_handler(state);
}

async::Task<Gateway::Refusal> Gateway::run_handler(RequestState& state) const {
  const auto& handler = state.settings<rules::Content>().handler;
  if (!handler) co_return status_only(404);
  LimitedBody limited(state.exchange.body(), state.settings<CoreSettings>().max_body());
  if (limited.needed()) state.exchange.filter_body(limited);
  std::exception_ptr thrown;
  Refusal answer;
  try {
    answer = co_await handler->handle(state.exchange);
  } catch (...) {
    thrown = std::current_exception();
  }
  state.exchange.filter_body(limited.unfiltered());
  if (thrown) std::rethrow_exception(thrown);
  co_return answer;
}

async::Task<Gateway::Refusal> Gateway::with_error_page(RequestState& state, Answer answer) const {
  for (unsigned cycle = 0; cycle < most_cycles; ++cycle) {
    if (answer.status < 300 || state.error_page_used) co_return answer;
    const ErrorPage* page = find_error_page(*state.level, answer.status);
    if (page == nullptr) co_return answer;
    if (const std::string* challenge = answer.headers.find("WWW-Authenticate")) state.challenge = *challenge;
    state.error_page_used = true;
    state.internal = true;
    const std::string target = page->target.expand(state);
    if (!target.starts_with('/') && !target.starts_with('@')) {
      Answer redirect = status_only(page->status.value_or(302));
      if (redirect.status < 301 || redirect.status > 308) redirect.status = 302;
      redirect.headers.set("Location", target);
      co_return redirect;
    }
    state.override_status = page->status.value_or(answer.status);
    Refusal next;
    if (target.starts_with('@')) {
      const Location* named = find_named_location(*state.server, target);
      if (named == nullptr) {
        rules::log(state, observe::Level::Error, "could not find named location \"" + target + '"');
        co_return status_only(500);
      }
      next = co_await answer_from_named(state, *named);
    } else {
      const std::size_t mark = target.find('?');
      state.path = target.substr(0, mark);
      state.args = mark == std::string::npos ? std::string() : target.substr(mark + 1);
      state.rewritten = true;
      http::RequestHead& request = state.exchange.mutable_request();
      if (request.method != "HEAD") request.method = "GET";
      next = co_await answer_from_location(state);
    }
    if (!next) co_return std::nullopt;
    answer = std::move(*next);
  }
  co_return answer;
}

async::Task<void> Gateway::render(RequestState& state, Answer answer) const {
  if (http::closes_without_answer(answer.status)) {
    state.failed_status = answer.status;
    throw http::PeerGone();
  }
  http::ResponseHead head;
  head.status = answer.status;
  head.headers = std::move(answer.headers);
  if (closes_connection(head.status)) state.exchange.policy().keep_alive = std::chrono::milliseconds::zero();
  std::string body;
  if (answer.body) {
    body = std::move(*answer.body);
  } else if (auto page = http::error_page_body(head.status, server_name_for(state.settings<CoreSettings>()))) {
    body = std::move(*page);
    head.headers.set("Content-Type", "text/html");
  }
  head.status = http::status_on_wire(head.status);
  co_await state.exchange.respond(std::move(head), std::move(body));
}

void describe(rules::Language& language) {
  describe_core(language);
  describe_virtual_hosts(language);
  describe_tls_settings(language);
  describe_locations(language);
  describe_rewrite(language);
  describe_map(language);
  describe_error_page(language);
  describe_response_headers(language);
  describe_access_log(language);
  describe_variables(language);
}

}  // namespace caisson::gateway

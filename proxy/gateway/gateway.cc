#include "gateway/gateway.h"

#include <exception>
#include <utility>

#include "gateway/access/access_rules.h"
#include "gateway/access/geo.h"
#include "gateway/access/referers.h"
#include "gateway/access/secure_link.h"
#include "gateway/access/split_clients.h"
#include "gateway/answers/charset.h"
#include "gateway/answers/error_page.h"
#include "gateway/answers/expires.h"
#include "gateway/answers/gzip.h"
#include "gateway/answers/gzip_acceptance.h"
#include "gateway/answers/headers_more.h"
#include "gateway/answers/page_padding.h"
#include "gateway/answers/redirect.h"
#include "gateway/answers/registry_errors.h"
#include "gateway/answers/response_headers.h"
#include "gateway/body_limit.h"
#include "gateway/client_certificate.h"
#include "gateway/compatibility/compatibility.h"
#include "gateway/connection_rules.h"
#include "gateway/core_directives.h"
#include "gateway/core_settings.h"
#include "gateway/files/conditional.h"
#include "gateway/files/disk.h"
#include "gateway/files/document_root.h"
#include "gateway/files/empty_gif.h"
#include "gateway/files/static_files.h"
#include "gateway/files/try_files.h"
#include "gateway/host.h"
#include "gateway/logs/access_log.h"
#include "gateway/real_ip.h"
#include "gateway/script/connection_variables.h"
#include "gateway/script/map.h"
#include "gateway/script/rewrite.h"
#include "gateway/script/variables.h"
#include "gateway/stub_status.h"
#include "gateway/tls_settings.h"
#include "http/target.h"
#include "rules/request_log.h"

namespace caisson::gateway {

using http::Answer;
using rules::RequestState;
using Flow = rules::RewriteStep::Flow;

namespace {

bool ends(Flow flow) { return flow == Flow::Answer || flow == Flow::Return; }

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

// Counts one more change of location. False: there were too many.
bool take_move(RequestState& state) {
  if (state.moves_left > 0) {
    --state.moves_left;
    return true;
  }
  rules::log(state, observe::Level::Error,
             "rewrite or internal redirection cycle while processing \"" + state.path + '"');
  state.error_page_used = true;  // a page would be one more
  return false;
}

// An answer of ours has neither a date nor an entity tag, and fails what asks for them. ngx_http_not_modified_filter
Answer if_conditions_hold(const RequestState& state, Answer answer) {
  if (!answer.body || answer.status != 200 || state.override_status != 0) return answer;
  switch (check_conditions(state.exchange.request().headers, {}, ModifiedSince::Exact)) {
    case Condition::Failed:
      return status_only(412);
    case Condition::NotModified:
      answer.status = 304;
      answer.body = "";
      answer.headers.remove("Content-Type");
      return answer;
    case Condition::Send:
      break;
  }
  return answer;
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
    if (state.failed_status == 0) rules::log(state, observe::Level::Info, "client prematurely closed connection");
    failure = {400, false, std::current_exception()};
  } catch (const std::exception& bug) {
    rules::log(state, observe::Level::Alert, std::string("request failed unexpectedly: ") + bug.what());
    failure = {500, true, std::current_exception()};
  }
  return failure;
}

void add_version_header(http::ResponseHead& head) {
  if (head.headers.has(registry_version_header)) return;
  head.headers.add(std::string(registry_version_header), "registry/2.0");
}

// The client left, or took too long, in the middle of its head.
[[noreturn]] void throw_gone(RequestState& state, unsigned status) {
  rules::log(state, observe::Level::Info, status == 408 ? "client timed out" : "client prematurely closed connection");
  state.failed_status = status;
  throw http::PeerGone();
}

// error_page's status takes the page's place, and its words with it.
void override_status(const RequestState& state, http::ResponseHead& head) {
  if (state.override_status == 0) return;
  head.status = state.override_status;
  head.reason.clear();
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
  state.runner = this;
  exchange.attach(&state);
  choose_host(state);
  for (const auto& observer : settings_.language.observers()) observer->begins(state);
  http::ResponseHead sent;
  exchange.on_head([this, &state, &sent](http::ResponseHead& head) {
    override_status(state, head);
    state.intended_status = head.status;
    for (const http::HeaderField& kept : state.kept_headers) {
      if (!head.headers.has(kept.name)) head.headers.add(kept.name, kept.value);
    }
    state.response = &head;  // a stage sees what those before it have done
    for (const auto& stage : settings_.language.response_stages()) stage->edit(state, head);
    sent = head;
    state.response = &sent;
  });

  const std::exception_ptr broken = co_await serve_whole(state);
  for (const auto& observer : settings_.language.observers()) observer->ends(state);
  write_access_log(state);
  exchange.on_head(nullptr);
  exchange.attach(nullptr);
  if (broken) std::rethrow_exception(broken);
  co_return std::nullopt;
}

// ngx_http_subrequest. Header stages are for what a client gets.
async::Task<void> Gateway::run_subrequest(RequestState& state) const {
  enter(state, *state.server);
  state.exchange.on_head([&state](http::ResponseHead& head) { override_status(state, head); });
  const std::exception_ptr broken = co_await serve_whole(state);
  if (state.settings<CoreSettings>().log_subrequest.value_or(false)) write_access_log(state);
  if (broken) std::rethrow_exception(broken);
}

async::Task<std::exception_ptr> Gateway::serve_whole(RequestState& state) const {
  http::Exchange& exchange = state.exchange;
  std::exception_ptr broken;
  std::optional<Failure> failure;
  http::EmptyBody no_body;
  try {
    co_await serve(state);
    state.completed = true;
  } catch (...) {
    failure = classify(state);
  }
  if (failure && failure->answerable && !exchange.responded()) {
    try {
      exchange.filter_body(no_body);  // an error page has no use for what is broken
      Refusal answer = co_await conclude(state, status_only(failure->status));
      if (answer) co_await render(state, std::move(*answer));
    } catch (...) {
      broken = std::current_exception();
    }
  } else if (failure) {
    if (state.failed_status == 0) state.failed_status = failure->status;
    broken = failure->rethrow;
  }
  co_return broken;
}

void Gateway::choose_host(RequestState& state) const {
  const http::ConnectionInfo& connection = state.exchange.connection();
  const Endpoint& endpoint = hosts_->endpoints()[hosts_->endpoint_of(connection.listener, connection.server_address)];
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
  apply_connection_rules(state);
}

async::Task<void> Gateway::serve(RequestState& state) const {
  Refusal answer;
  if (state.parent == nullptr) answer = begin(state);
  if (!answer) answer = co_await answer_from_server(state);
  answer = co_await conclude(state, std::move(answer));
  if (answer) co_await render(state, std::move(*answer));
}

Gateway::Refusal Gateway::begin(RequestState& state) const {
  for (const std::string& name : state.exchange.request().ignored) {
    rules::log(state, observe::Level::Info, "client sent invalid header line: \"" + name + "...\"");
  }
  take_real_ip(state);
  if (const unsigned refused = state.exchange.refused(); refused != 0) {
    if (state.exchange.refusal().empty()) throw_gone(state, refused);
    rules::log(state, observe::Level::Info, state.exchange.refusal());
    return status_only(refused);
  }
  if (const unsigned status = status_of_client_certificate(state); status != 0) return status_only(status);
  return std::nullopt;
}

// The server's rewrite phase, then location after location until one stays.
async::Task<Gateway::Refusal> Gateway::answer_from_server(RequestState& state) const {
  Refusal answer;
  const Flow flow = run_script(*state.server, state, answer);
  if (ends(flow)) co_return co_await concluded(state, flow, std::move(answer));
  co_return co_await answer_from_location(state);
}

// The location's rewrite phase, up to a location that stays, and then that location's access and content phases.
async::Task<Gateway::Refusal> Gateway::answer_from_location(RequestState& state) const {
  Refusal answer;
  for (;;) {
    const FoundLocation found = find_location(*state.server, state.path, state);
    if (found.location == nullptr) {
      if (exceeds_body_limit(state)) co_return status_only(413);
      co_return co_await check_and_handle(state);
    }
    enter(state, *found.location->level);
    if (state.settings<CoreSettings>().internal.value_or(false) && !state.internal) co_return status_only(404);
    enter(state, level_for_method(*found.location->level, state.exchange.request().method));
    if (exceeds_body_limit(state)) co_return status_only(413);
    if (found.missing_slash) {
      Answer redirect = status_only(301);
      std::string target = http::escaped_path(found.location->text);
      if (!state.args.empty()) target += '?' + state.args;
      redirect.headers.set("Location", absolute_location(state, std::move(target)));
      co_return redirect;
    }
    state.look_again = false;
    const Flow flow = run_script(*state.level, state, answer);
    if (ends(flow)) co_return co_await concluded(state, flow, std::move(answer));
    if (!state.look_again) {
      enter(state, *state.level);  // an `if` may have brought its own settings
      co_return co_await check_and_handle(state);
    }
    if (!take_move(state)) co_return status_only(500);
    enter(state, *state.server);
  }
}

async::Task<Gateway::Refusal> Gateway::answer_from_named(RequestState& state, const Location& location) const {
  enter(state, level_for_method(*location.level, state.exchange.request().method));
  Refusal answer;
  state.look_again = false;
  const Flow flow = run_script(*state.level, state, answer);
  if (ends(flow)) co_return co_await concluded(state, flow, std::move(answer));
  if (state.look_again) {
    if (!take_move(state)) co_return status_only(500);
    enter(state, *state.server);
    co_return co_await answer_from_location(state);
  }
  enter(state, *state.level);
  co_return co_await check_and_handle(state);
}

// The answer of a script that ended the request.
async::Task<Gateway::Refusal> Gateway::concluded(RequestState& state, Flow flow, Refusal answer) const {
  if (flow != Flow::Return) co_return answer;
  const bool whole = co_await state.exchange.discard_body(true);
  if (!whole) answer = status_only(400);
  co_return answer;
}

async::Task<Gateway::Refusal> Gateway::check_and_handle(RequestState& state) const {
  change_input_headers(state);
  // For a subrequest it is settled who asks, and that he may.
  if (state.parent == nullptr) take_real_ip(state);
  for (const auto& step : settings_.language.preaccess_steps()) {
    if (!step->applies(*state.level)) continue;
    if (Refusal refusal = co_await step->run(state)) co_return refusal;
  }
  if (state.parent == nullptr) {
    if (Refusal refusal = co_await check_access(state, settings_.language)) co_return refusal;
  }
  if (has_try_files(*state.level)) {
    Refusal answer = co_await try_files(state);
    if (answer || state.redirect_to) co_return answer;
  }
  co_return co_await run_handler(state);
}

async::Task<Gateway::Refusal> Gateway::run_handler(RequestState& state) const {
  static const std::shared_ptr<http::Handler> files = std::make_shared<StaticFiles>();
  const auto& own = state.settings<rules::Content>().handler;
  const std::shared_ptr<http::Handler>& handler = own ? own : files;
  LimitedBody limited(state, state.settings<CoreSettings>().max_body());
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

async::Task<Gateway::Refusal> Gateway::conclude(RequestState& state, Refusal answer) const {
  for (;;) {
    if (answer) answer = with_error_page(state, if_conditions_hold(state, std::move(*answer)));
    if (answer || !state.redirect_to) co_return answer;
    answer = co_await go_on(state);
  }
}

// ngx_http_internal_redirect, ngx_http_named_location
async::Task<Gateway::Refusal> Gateway::go_on(RequestState& state) const {
  const std::string target = *std::exchange(state.redirect_to, std::nullopt);
  const std::optional<std::string> args = std::exchange(state.redirect_args, std::nullopt);
  state.internal = true;
  if (!take_move(state)) co_return status_only(500);
  if (target.starts_with('@')) {
    const Location* named = find_named_location(*state.server, target);
    if (named == nullptr) {
      rules::log(state, observe::Level::Error, "could not find named location \"" + target + '"');
      co_return status_only(500);
    }
    co_return co_await answer_from_named(state, *named);
  }
  const std::size_t mark = args ? std::string::npos : target.find('?');
  state.path = target.substr(0, mark);
  state.args = args ? *args : mark == std::string::npos ? std::string() : target.substr(mark + 1);
  state.rewritten = true;
  state.prefix_gone = false;
  enter(state, *state.server);
  co_return co_await answer_from_server(state);
}

// ngx_http_special_response_handler, ngx_http_send_error_page
Gateway::Refusal Gateway::with_error_page(RequestState& state, Answer answer) const {
  if (closes_connection(answer.status)) state.closes = true;
  // `return CODE TEXT` has its page already (ngx_http_script_return_code).
  if (answer.status < 300 || answer.body || state.error_page_used) return answer;
  state.error_page_used = has_error_pages(*state.level) && !recursive_error_pages(*state.level);
  const ErrorPage* page = find_error_page(*state.level, answer.status);
  if (page == nullptr) return answer;
  const std::string target = page->target.expand(state);
  if (!target.starts_with('/') && !target.starts_with('@')) {
    Answer redirect = status_only(page->status.value_or(302));
    const bool redirects = redirect.status >= 301 && redirect.status <= 308 && redirect.status != 304;
    if (!redirects) redirect.status = 302;
    redirect.headers = std::move(answer.headers);
    redirect.headers.set("Location", target);
    return redirect;
  }
  for (const http::HeaderField& field : answer.headers) state.kept_headers.set(field.name, field.value);
  state.override_status = page->status.value_or(answer.status);
  http::RequestHead& request = state.exchange.mutable_request();
  if (target.starts_with('/') && request.method != "HEAD") request.method = "GET";
  state.redirect_to = target;
  return std::nullopt;
}

async::Task<void> Gateway::render(RequestState& state, Answer answer) const {
  if (!answer.body && http::closes_without_answer(answer.status)) {
    state.failed_status = answer.status;
    throw http::PeerGone();
  }
  http::ResponseHead head;
  head.status = answer.status;
  head.headers = std::move(answer.headers);
  if (state.closes || closes_connection(head.status)) {
    state.exchange.policy().keep_alive = std::chrono::milliseconds::zero();
  }
  std::string body;
  if (answer.body) {
    body = std::move(*answer.body);
  } else {
    state.override_status = 0;  // an error on the way to an error page shows itself
    if (auto json = registry_error_body(state, head.status)) {
      body = std::move(*json);
      head.headers.set("Content-Type", "application/json; charset=utf-8");
      head.headers.set("X-Content-Type-Options", "nosniff");
      add_version_header(head);
    } else if (auto page = http::error_page_body(head.status, server_name_for(state.settings<CoreSettings>()))) {
      body = std::move(*page) + page_padding(state, head.status);
      http::Headers headers{{"Content-Type", "text/html"}};  // one that is there already is add_header's, and a second
      for (const http::HeaderField& field : head.headers) headers.add(field.name, field.value);
      head.headers = std::move(headers);
      if (is_challenge_for_registry(state, head.status)) add_version_header(head);
    }
    head.status = http::status_on_wire(head.status);
  }
  const bool whole = co_await state.exchange.discard_body(false);
  if (!whole) state.exchange.policy().keep_alive = std::chrono::milliseconds::zero();
  co_await state.exchange.respond(std::move(head), std::move(body));
}

void describe(rules::Language& language) {
  describe_core(language);
  describe_connection_rules(language);
  describe_virtual_hosts(language);
  describe_tls_settings(language);
  describe_client_certificate(language);
  describe_locations(language);
  describe_rewrite(language);
  describe_access_rules(language);
  describe_try_files(language);
  describe_disk(language);
  describe_document_root(language);
  describe_static_files(language);
  describe_empty_gif(language);
  describe_page_padding(language);
  describe_map(language);
  describe_geo(language);
  describe_split_clients(language);
  describe_referers(language);
  describe_secure_link(language);
  describe_stub_status(language);
  describe_real_ip(language);
  describe_error_page(language);
  // In the order in which a head passes them: nginx's header filters.
  describe_server_and_date(language);
  describe_headers_more(language);
  describe_expires(language);
  describe_registry_errors(language);
  describe_response_headers(language);
  describe_charset(language);
  describe_gzip(language);
  describe_gzip_acceptance(language);
  describe_header_order(language);
  describe_access_log(language);
  describe_compatibility(language);
  describe_variables(language);
  describe_connection_variables(language);
}

}  // namespace caisson::gateway

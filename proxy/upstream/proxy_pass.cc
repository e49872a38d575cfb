#include "upstream/proxy_pass.h"

#include <algorithm>
#include <vector>

#include "async/join.h"
#include "base/text.h"
#include "rules/phases.h"
#include "rules/request_log.h"
#include "upstream/backend_request.h"
#include "upstream/facts.h"
#include "upstream/name_settings.h"
#include "upstream/response_filter.h"

namespace caisson::upstream {

namespace {

constexpr std::chrono::milliseconds default_resolver_timeout{30'000};

// A path that goes nowhere but down. ngx_http_parse_unsafe_uri
bool is_safe(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return false;
  const std::vector<std::string_view> parts = text::split(path, '/');
  return std::find(parts.begin(), parts.end(), "..") == parts.end();
}

http::Answer status_only(unsigned status) {
  http::Answer answer;
  answer.status = status;
  return answer;
}

// proxy_set_body.
class TextBody final : public http::BodyReader {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  http::BodySize size() const noexcept override { return http::BodySize::declared(text_.size()); }
  async::Task<std::span<const std::byte>> read() override {
    const std::string_view rest = read_ ? std::string_view() : std::string_view(text_);
    read_ = true;
    co_return text::bytes_of(rest);
  }

 private:
  const std::string text_;
  bool read_ = false;
};

// X-Accel-Redirect: another location answers, under some headers of this response. ngx_http_upstream_process_headers
std::optional<http::Answer> follow(const SentElsewhere& order, rules::RequestState& state) {
  state.data<Facts>().carried = order.headers;
  if (order.to.starts_with('@')) {
    state.redirect_to = order.to;
    return std::nullopt;
  }
  const std::size_t mark = order.to.find('?');
  const auto path = text::percent_decoded(std::string_view(order.to).substr(0, mark));
  if (!path || !is_safe(*path)) {
    rules::log(state, observe::Level::Error, "unsafe URI \"" + order.to + "\" was detected");
    return status_only(404);
  }
  std::string& method = state.exchange.mutable_request().method;
  if (method != "HEAD") method = "GET";
  state.redirect_to = *path;
  state.redirect_args = mark == std::string::npos ? std::string() : order.to.substr(mark + 1);
  return std::nullopt;
}

}  // namespace

Result<void> ProxyPass::bind() {
  if (!url_.constant()) return bind_tls(true);
  Result<ProxyUrl> url = ProxyUrl::parse(url_.source());
  if (!url.ok()) return config::error_at(at_, url.error().what + " in upstream \"" + url_.source() + '"');
  if (Result<void> tls = bind_tls(url.value().tls); !tls.ok()) return tls;
  Destination made;
  made.url = std::move(url).value();
  Result<std::shared_ptr<http::Handler>> backend = upstreams_->backend_for(made.url, tls_);
  if (!backend.ok()) return config::error_at(at_, backend.error().what);
  made.backend = std::move(backend).value();
  embedded_ = upstreams_->is_embedded(made.url);
  fixed_ = std::move(made);
  make_default_redirect();
  return {};
}

Result<void> ProxyPass::bind_tls(bool tls) {
  if (!tls) return {};
  Result<std::shared_ptr<TlsProfile>> profile = TlsProfile::make(level_.get<ProxySettings>());
  if (!profile.ok()) {
    return url_.constant() ? Result<void>(config::error_at(at_, profile.error().what)) : Result<void>();
  }
  tls_ = std::move(profile).value();
  return {};
}

std::string ProxyPass::wanted_accesses(const rules::RequestState& state) const {
  const auto* inside = fixed_ ? dynamic_cast<const rules::RegistryFront*>(fixed_->backend.get()) : nullptr;
  return inside != nullptr ? inside->wanted_accesses(state) : std::string();
}

// ngx_http_proxy_merge_loc_conf
void ProxyPass::make_default_redirect() {
  const std::string& url = url_.source();
  if (fixed_->url.uri.empty()) {
    usual_ = {url + '/', "/"};
  } else if (const auto& prefix = level_.get<rules::LocationPrefix>().path) {
    usual_ = {url, *prefix};
  }
}

async::Task<ProxyPass::Found> ProxyPass::destination(rules::RequestState& state) const {
  if (fixed_) co_return Found(*fixed_);
  const auto refuse = [&](unsigned status, const std::string& why) {
    rules::log(state, observe::Level::Error, why);
    return Found(status);
  };
  const std::string text = url_.expand(state);
  Result<ProxyUrl> url = ProxyUrl::parse(text);
  if (!url.ok()) co_return refuse(500, url.error().what + " in \"" + text + '"');
  Destination made;
  made.url = std::move(url).value();
  if (made.url.tls && !tls_) co_return refuse(500, "proxy_ssl settings of this location are not usable");
  made.backend = upstreams_->known_backend(made.url, tls_);
  if (made.backend) co_return Found(std::move(made));

  const NameSettings& names = state.settings<NameSettings>();
  const std::string& host = made.url.server.host;
  if (!names.servers) co_return refuse(502, "no resolver defined to resolve " + host);
  net::NameServers& resolver = (*names.servers)->here();
  const auto limit = names.timeout.value_or(default_resolver_timeout);
  Result<std::vector<net::Address>> found = co_await resolver.resolve(host, made.url.server.port, limit);
  if (!found.ok()) co_return refuse(502, host + " could not be resolved (" + found.error().what + ')');
  made.backend = upstreams_->backend_at(made.url, found.value(), tls_);
  co_return Found(std::move(made));
}

async::Task<std::optional<http::Answer>> ProxyPass::handle(http::Exchange& exchange) {
  rules::RequestState& state = rules::RequestState::of(exchange);
  const ProxySettings& settings = state.settings<ProxySettings>();
  const Found found = co_await destination(state);
  if (const auto* refused = std::get_if<unsigned>(&found)) co_return status_only(*refused);
  const Destination& to = std::get<Destination>(found);
  const ProxyUrl& url = to.url;

  Facts& facts = state.data<Facts>();
  facts.pass_found = true;
  facts.earlier_attempts = facts.attempts.size();
  facts.scheme = url.tls ? "https" : "http";
  facts.proxy_host = url.proxy_host;
  facts.proxy_port = url.proxy_port;

  TargetRule rule;
  rule.uri = url.uri;
  rule.expanded = !fixed_;
  if (const auto& prefix = state.settings<rules::LocationPrefix>().path) rule.prefix = *prefix;
  Result<http::RequestTarget> target = backend_target(state, rule);
  if (!target.ok()) {
    rules::log(state, observe::Level::Info, target.error().what);
    co_return status_only(400);
  }
  facts.target = target.value().raw;

  http::RequestHead request = exchange.request();
  request.target = std::move(target).value();
  request.headers = backend_headers(state, settings);
  if (settings.method) request.method = settings.method->expand(state);
  http::EmptyBody no_body;
  std::optional<TextBody> own_body;
  http::BodyReader* body = &exchange.body();
  if (settings.body) {
    body = &own_body.emplace(settings.body->expand(state));
  } else if (!settings.pass_request_body.value_or(true) || facts.body_begun()) {
    body = &no_body;
  }
  request.body = body->size();

  const std::string* sent_host = request.headers.find("Host");
  ResponseFilter filter(exchange, state, settings, usual_, sent_host != nullptr ? *sent_host : std::string(),
                        repair_noted_);
  http::Exchange proxied(std::move(request), *body, filter, exchange.connection());
  proxied.set_client_host(exchange.client_host());
  proxied.set_client_address(exchange.client_address(), exchange.client_port());
  proxied.set_user(exchange.user());
  proxied.attach(&state);
  try {
    if (settings.ignore_client_abort.value_or(false)) {
      co_return co_await async::shielded(to.backend->handle(proxied));
    }
    co_return co_await to.backend->handle(proxied);
  } catch (Intercepted& intercepted) {
    co_return std::move(intercepted.answer);
  } catch (const SentElsewhere& order) {
    co_return follow(order, state);
  }
}

}  // namespace caisson::upstream

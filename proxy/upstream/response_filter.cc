#include "upstream/response_filter.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "rules/phases.h"
#include "rules/request_log.h"
#include "upstream/location_repair.h"

namespace caisson::upstream {

namespace {

// ngx_http_proxy_hide_headers. What the gateway says for itself, and orders of the backend to nginx.
constexpr std::array<std::string_view, 8> usually_hidden = {"Date",
                                                            "Server",
                                                            "X-Pad",
                                                            "X-Accel-Expires",
                                                            "X-Accel-Redirect",
                                                            "X-Accel-Limit-Rate",
                                                            "X-Accel-Buffering",
                                                            "X-Accel-Charset"};

template <class List>
bool names(const List& list, std::string_view name) {
  return std::any_of(list.begin(), list.end(), [&](std::string_view one) { return text::iequals(one, name); });
}

// What `proxy_redirect` does while nobody has written one.
const std::vector<RewriteRule>& default_rules() {
  static const std::vector<RewriteRule> rules(1);
  return rules;
}

}  // namespace

async::Task<void> ResponseFilter::inform(const http::ResponseHead&) { co_return; }

async::Task<void> ResponseFilter::start(http::ResponseHead head) {
  remember(head);
  intercept(head);
  obey_redirect(head);
  http::ResponseHead out;
  out.status = head.status;
  out.reason = std::move(head.reason);
  for (const http::HeaderField& field : head.headers) {
    if (!hidden(field.name)) out.headers.add(field.name, shown(field));
  }
  obey_charset(head, out);
  std::optional<http::ByteRange> part;
  if (settings_.force_ranges.value_or(false)) part = cut_to_range(client_.request(), out);
  if (part && out.status == 416) {
    Intercepted instead;
    instead.answer.status = out.status;
    instead.answer.headers.add("Content-Range", *out.headers.find("Content-Range"));
    throw instead;
  }
  body_ = co_await client_.respond_head(std::move(out));
  if (part) body_ = &part_.emplace(*body_, *part);
}

void ResponseFilter::remember(const http::ResponseHead& head) {
  Facts& facts = state_.data<Facts>();
  facts.response = head.headers;
  if (!facts.tried()) facts.add_attempt(facts.proxy_host);  // not asked over a wire
  facts.attempts.back().status = head.status;
}

// ngx_http_upstream_intercept_errors
void ResponseFilter::intercept(const http::ResponseHead& head) const {
  if (head.status < 300 || !settings_.intercept_errors.value_or(false)) return;
  if (!state_.settings<rules::PagedStatuses>().has(head.status)) return;
  Intercepted instead;
  instead.answer.status = head.status;
  if (head.status == 401) {
    for (const http::HeaderField& field : head.headers) {
      if (text::iequals(field.name, "WWW-Authenticate")) instead.answer.headers.add(field.name, field.value);
    }
  }
  throw instead;
}

void ResponseFilter::obey_redirect(const http::ResponseHead& head) const {
  const std::string* to = head.headers.find("X-Accel-Redirect");
  if (to == nullptr || to->empty() || ignores(IgnoreRedirect)) return;
  constexpr std::array<std::string_view, 6> carried = {"Content-Type",  "Set-Cookie", "Content-Disposition",
                                                       "Cache-Control", "Expires",    "Accept-Ranges"};
  SentElsewhere order;
  order.to = *to;
  for (const http::HeaderField& field : head.headers) {
    if (names(carried, field.name)) order.headers.add(field.name, field.value);
  }
  throw order;
}

// X-Accel-Charset takes the place of what Content-Type says.
void ResponseFilter::obey_charset(const http::ResponseHead& head, http::ResponseHead& out) const {
  const std::string* charset = head.headers.find("X-Accel-Charset");
  const std::string* type = out.headers.find("Content-Type");
  if (charset == nullptr || charset->empty() || type == nullptr || ignores(IgnoreCharset)) return;
  const std::size_t said = text::lowered(*type).find("charset=");
  const std::string_view media = text::trimmed(std::string_view(*type).substr(0, type->find(';')));
  std::string made(said == std::string::npos ? std::string_view(*type) : media);
  out.headers.set("Content-Type", made + "; charset=" + *charset);
}

bool ResponseFilter::hidden(std::string_view name) const {
  if (settings_.pass_headers && names(*settings_.pass_headers, name)) return false;
  return names(usually_hidden, name) || (settings_.hide_headers && names(*settings_.hide_headers, name));
}

std::string ResponseFilter::shown(const http::HeaderField& field) {
  std::optional<std::string> made;
  const std::vector<RewriteRule>& rules = settings_.redirects ? *settings_.redirects : default_rules();
  if (text::iequals(field.name, "Location")) return shown_location(field.value);
  if (text::iequals(field.name, "Refresh")) {
    made = rewritten_refresh(field.value, rules, usual_, state_);
  } else if (text::iequals(field.name, "Set-Cookie")) {
    CookieRules cookies;
    if (settings_.cookie_domains) cookies.domains = &*settings_.cookie_domains;
    if (settings_.cookie_paths) cookies.paths = &*settings_.cookie_paths;
    if (settings_.cookie_flags) cookies.flags = &*settings_.cookie_flags;
    made = rewritten_cookie(field.value, cookies, state_);
  }
  return made ? std::move(*made) : field.value;
}

std::string ResponseFilter::shown_location(const std::string& value) {
  const std::vector<RewriteRule>& rules = settings_.redirects ? *settings_.redirects : default_rules();
  if (std::optional<std::string> made = rewritten(value, 0, rules, usual_, state_)) {
    // nginx makes a rewritten Location absolute by the port that it listens on; the Host that the client used has the
    // same port, or the one that really leads here when ports are mapped.
    const bool local = made->starts_with('/') && state_.settings<rules::AbsoluteRedirect>().on.value_or(true);
    if (!local || client_.client_host().empty()) return std::move(*made);
    return std::string(client_.client_scheme()) + "://" + client_.client_host() + *made;
  }
  if (!settings_.repair_location.value_or(true) || !client_.request().target.path.starts_with("/v2/")) return value;
  std::optional<std::string> repaired =
      repaired_upload_location(value, {client_.client_scheme(), client_.client_host(), sent_host_});
  if (!repaired) return value;
  if (!repair_noted_.exchange(true)) {
    rules::log(state_, observe::Level::Warn,
               "upstream sent the client to \"" + value.substr(0, value.find("/v2/")) + "\", corrected to \"" +
                   repaired->substr(0, repaired->find("/v2/")) +
                   "\"; \"proxy_set_header Host $http_host;\" and \"proxy_set_header X-Forwarded-Proto $scheme;\" tell "
                   "it what clients use (proxy_repair_location off; switches this off)");
  }
  return std::move(*repaired);
}

}  // namespace caisson::upstream

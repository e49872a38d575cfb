#include "gateway/answers/expires.h"

#include <array>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>

#include "config/arguments.h"
#include "gateway/answers/http_date.h"
#include "gateway/answers/response_headers.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

struct Expiry {
  enum class From { Never, Epoch, Max, Access, Modified, TimeOfDay };
  From from = From::Never;
  std::int64_t seconds = 0;
};

struct ExpiresSettings {
  struct Written {
    rules::Template when;
    bool modified = false;  // "modified" stands before the time
  };
  std::optional<Written> expires;
  void inherit(const ExpiresSettings& outer) { rules::inherit(expires, outer.expires); }
};

// ngx_http_parse_expires: "off", "epoch", "max", "@15h30m", "24h", "-1".
Result<Expiry> parse_expiry(std::string_view text, bool modified) {
  if (!modified) {
    if (text == "off") return Expiry{};
    if (text == "epoch") return Expiry{Expiry::From::Epoch, 0};
    if (text == "max") return Expiry{Expiry::From::Max, 0};
  }
  Expiry expiry;
  expiry.from = modified ? Expiry::From::Modified : Expiry::From::Access;
  bool negative = false;
  if (text.starts_with('@')) {
    if (modified) return Error{ErrorCode::BadConfig, "daily time cannot be used with \"modified\" parameter"};
    expiry.from = Expiry::From::TimeOfDay;
    text.remove_prefix(1);
  } else if (text.starts_with('+') || text.starts_with('-')) {
    negative = text.starts_with('-');
    text.remove_prefix(1);
  }
  const auto seconds = config::parse_seconds(text);
  if (!seconds) return Error{ErrorCode::BadConfig, "invalid value"};
  expiry.seconds = negative ? -seconds->count() : seconds->count();
  if (expiry.from == Expiry::From::TimeOfDay && expiry.seconds > 24 * 60 * 60) {
    return Error{ErrorCode::BadConfig, "daily time value must be less than 24 hours"};
  }
  return expiry;
}

// The next moment at which the clock says so many seconds past midnight, local time.
std::time_t next_time_of_day(std::time_t now, std::int64_t seconds) {
  std::tm parts{};
  localtime_r(&now, &parts);
  parts.tm_hour = static_cast<int>(seconds / 3600);
  parts.tm_min = static_cast<int>(seconds / 60 % 60);
  parts.tm_sec = static_cast<int>(seconds % 60);
  std::time_t next = std::mktime(&parts);
  if (next <= now) {
    ++parts.tm_mday;
    next = std::mktime(&parts);
  }
  return next;
}

// ngx_http_set_expires
class SetExpires final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState& state, http::ResponseHead& head) const override {
    const auto& written = state.settings<ExpiresSettings>().expires;
    if (!written || !is_added_without_always(head.status)) return;
    const Result<Expiry> read = parse_expiry(written->when.expand(state), written->modified);
    if (!read.ok() || read.value().from == Expiry::From::Never) return;
    const auto [expires, control] = values(read.value(), head, std::time(nullptr));
    head.headers.set("Expires", expires);
    head.headers.remove("Cache-Control");
    head.headers.add("Cache-Control", control);
  }

 private:
  struct Values {
    std::string expires;
    std::string control;
  };

  static Values values(const Expiry& expiry, const http::ResponseHead& head, std::time_t now) {
    switch (expiry.from) {
      case Expiry::From::Epoch:
        return {"Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"};
      case Expiry::From::Max:
        return {"Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"};
      default:
        break;
    }
    std::time_t at = now + expiry.seconds;
    if (expiry.from == Expiry::From::TimeOfDay) {
      at = next_time_of_day(now, expiry.seconds);
    } else if (expiry.seconds == 0) {
      at = now;
    } else if (const std::string* modified = head.headers.find("Last-Modified");
               modified != nullptr && expiry.from == Expiry::From::Modified) {
      if (const auto since = parse_http_date(*modified)) at = *since + expiry.seconds;
    }
    const std::int64_t age = at - now;
    const bool past = expiry.seconds < 0 || age < 0;
    return {http_date(at), past ? "no-cache" : "max-age=" + std::to_string(age)};
  }
};

Result<void> set_expires(Loader& loader, const Directive& d) {
  auto& expires = loader.level().own<ExpiresSettings>().expires;
  if (expires) return config::config_error(d, "is duplicate");
  ExpiresSettings::Written written;
  if (d.args.size() == 2) {
    if (d.args[0] != "modified") return config::config_error(d, "invalid value");
    written.modified = true;
  }
  Result<rules::Template> when = loader.compile(d.args.back(), d);
  if (!when.ok()) return std::move(when).error();
  written.when = std::move(when).value();
  if (written.when.constant()) {
    const Result<Expiry> read = parse_expiry(d.args.back(), written.modified);
    if (!read.ok()) return config::config_error(d, read.error().what);
  }
  expires = std::move(written);
  return {};
}

constexpr std::array directives = {
    DirectiveSpec{"expires", rules::Http | rules::Server | rules::Location | rules::IfInLocation, 1, 2,
                  DirectiveSpec::Body::None, &set_expires},
};

}  // namespace

void describe_expires(rules::Language& language) {
  language.add_directives(directives);
  language.add_response_stage(std::make_unique<SetExpires>());
}

}  // namespace caisson::gateway

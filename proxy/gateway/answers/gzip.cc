#include "gateway/answers/gzip.h"

#include <array>
#include <memory>

#include "base/text.h"
#include "gateway/answers/deflate.h"
#include "gateway/answers/gzip_acceptance.h"
#include "gateway/answers/media_types.h"
#include "rules/checks.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;

void weaken_etag(http::Headers& headers) {
  const std::string* etag = headers.find("ETag");
  if (etag == nullptr || etag->starts_with("W/")) return;
  if (etag->starts_with('"')) {
    headers.set("ETag", "W/" + *etag);
  } else {
    headers.remove("ETag");
  }
}

namespace {

struct GzipSettings {
  std::optional<bool> gzip;
  std::optional<bool> gunzip;
  std::optional<MediaTypes> types;
  std::optional<std::uint64_t> least_length;
  std::optional<std::uint64_t> level;
  std::optional<std::uint64_t> window;       // bytes
  std::optional<std::uint64_t> hash;         // bytes
  std::optional<std::uint64_t> buffer_size;  // of one buffer; their number is one

  void inherit(const GzipSettings& outer) {
    rules::inherit(gzip, outer.gzip);
    rules::inherit(gunzip, outer.gunzip);
    rules::inherit(types, outer.types);
    rules::inherit(least_length, outer.least_length);
    rules::inherit(level, outer.level);
    rules::inherit(window, outer.window);
    rules::inherit(hash, outer.hash);
    rules::inherit(buffer_size, outer.buffer_size);
  }
};

struct GzipFacts {
  std::shared_ptr<GzipCount> count;  // nothing: this answer was not compressed
};

// The one place that says which answers nobody may recode: what a registry names by digest. Clients compare the bytes,
// and Docker wants a manifest's Content-Length.
bool carries_a_digest(const RequestState& state, const http::Headers& headers) {
  if (!state.exchange.request().target.path.starts_with("/v2/")) return false;
  if (headers.has("Docker-Content-Digest")) return true;
  const std::string* field = headers.find("Content-Type");
  if (field == nullptr) return false;
  const std::string type = text::lowered(*field);
  return type.starts_with("application/octet-stream") || type.starts_with("application/vnd.docker.") ||
         type.starts_with("application/vnd.oci.");
}

std::optional<std::uint64_t> length_of(const http::Headers& headers) {
  const std::string* length = headers.find("Content-Length");
  return length == nullptr ? std::nullopt : text::to_number(*length);
}

unsigned log2_of(std::uint64_t power) {
  unsigned bits = 0;
  while (power > 1) {
    power >>= 1;
    ++bits;
  }
  return bits;
}

// What a short body does not need is not taken: 256 KiB a response otherwise (ngx_http_gzip_filter_memory).
DeflateOptions options_for(const GzipSettings& settings, std::optional<std::uint64_t> length) {
  DeflateOptions options;
  options.level = static_cast<int>(settings.level.value_or(1));
  options.window_bits = static_cast<int>(log2_of(settings.window.value_or(32 * 1024)));
  options.memory_level = static_cast<int>(log2_of(settings.hash.value_or(128 * 1024))) - 9 + 1;
  options.buffer = static_cast<std::size_t>(settings.buffer_size.value_or(16 * 1024));
  while (length && options.window_bits > 9 && *length + 262 < (std::uint64_t{1} << (options.window_bits - 1))) {
    --options.window_bits;
    if (options.memory_level > 1) --options.memory_level;
  }
  return options;
}

// The head of an answer whose bytes become others: as long as they come, without ranges, and only weakly the same.
void without_fixed_bytes(http::Headers& headers) {
  headers.remove("Content-Length");
  headers.remove("Accept-Ranges");
  weaken_etag(headers);
}

class Gzip final : public rules::ResponseStage {
 public:
  void edit(RequestState& state, http::ResponseHead& head) const override {
    const GzipSettings& settings = state.settings<GzipSettings>();
    if (!settings.gzip.value_or(false)) return;
    if (head.status != 200 && head.status != 403 && head.status != 404) return;
    http::Headers& headers = head.headers;
    if (headers.has("Content-Encoding") || carries_a_digest(state, headers)) return;
    const auto length = length_of(headers);
    if (length && *length < settings.least_length.value_or(20)) return;
    static const MediaTypes usual{"text/html"};
    const std::string* type = headers.find("Content-Type");
    if (type == nullptr || !(settings.types ? *settings.types : usual).has(*type)) return;
    depends_on_encoding(state);
    if (!may_gzip(state, head)) return;
    without_fixed_bytes(headers);
    headers.add("Content-Encoding", "gzip");
    auto count = std::make_shared<GzipCount>();
    state.data<GzipFacts>().count = count;
    state.exchange.filter_response([options = options_for(settings, length), count](http::BodyWriter& next) {
      return std::make_unique<GzipWriter>(next, options, *count);
    });
  }
};

class Gunzip final : public rules::ResponseStage {
 public:
  void edit(RequestState& state, http::ResponseHead& head) const override {
    const GzipSettings& settings = state.settings<GzipSettings>();
    const std::string* encoding = head.headers.find("Content-Encoding");
    if (!settings.gunzip.value_or(false) || encoding == nullptr || !text::iequals(*encoding, "gzip")) return;
    if (carries_a_digest(state, head.headers)) return;
    depends_on_encoding(state);
    if (may_gzip(state, head)) return;
    without_fixed_bytes(head.headers);
    head.headers.remove("Content-Encoding");
    if (state.exchange.request().method == "HEAD") return;
    state.exchange.filter_response([buffer = settings.buffer_size.value_or(16 * 1024)](http::BodyWriter& next) {
      return std::make_unique<UnpackWriter>(next, static_cast<std::size_t>(buffer));
    });
  }
};

// $gzip_ratio: "2.53", cut off, not rounded, but for the last digit (ngx_http_gzip_ratio_variable).
rules::Value ratio(RequestState& state, std::string_view) {
  const auto& count = state.data<GzipFacts>().count;
  if (!count || count->out == 0) return std::nullopt;
  std::uint64_t whole = count->in / count->out;
  std::uint64_t hundredths = count->in * 100 / count->out % 100;
  if (count->in * 1000 / count->out % 10 > 4 && ++hundredths > 99) {
    ++whole;
    hundredths = 0;
  }
  std::string text = std::to_string(hundredths);
  return std::to_string(whole) + '.' + text.insert(0, 2 - text.size(), '0');
}

Result<void> set_types(Loader& loader, const Directive& d) {
  return take_media_types(loader, d, loader.level().own<GzipSettings>().types);
}

Result<void> set_level(Loader& loader, const Directive& d) {
  auto& level = loader.level().own<GzipSettings>().level;
  if (Result<void> checked = rules::check_between<1, 9>(loader, d); !checked.ok()) return checked;
  level = config::parse_number(d.args[0]);
  return {};
}

// A power of two: "must be 512, 1k, 2k, 4k, 8k, 16k, or 32k" (ngx_http_gzip_window, ngx_http_gzip_hash).
template <auto Member, std::uint64_t Least, std::uint64_t Most>
Result<void> set_power(Loader& loader, const Directive& d) {
  auto& target = loader.level().own<GzipSettings>().*Member;
  if (target) return config::config_error(d, "is duplicate");
  const auto size = config::size_arg(d);
  if (!size.ok()) return size.error();
  const std::uint64_t bytes = size.value();
  if (bytes < Least || bytes > Most || (bytes & (bytes - 1)) != 0) {
    std::string all;
    for (std::uint64_t power = Least; power <= Most; power *= 2) {
      if (!all.empty()) all += power == Most ? ", or " : ", ";
      all += power < 1024 ? std::to_string(power) : std::to_string(power / 1024) + 'k';
    }
    return config::config_error(d, "must be " + all);
  }
  target = bytes;
  return {};
}

// How many buffers there are makes no difference: a full one goes on at once.
template <auto Check>
Result<void> set_buffers(Loader& loader, const Directive& d) {
  if (Result<void> checked = Check(loader, d); !checked.ok()) return checked;
  loader.level().own<GzipSettings>().buffer_size = config::parse_size(d.args[1]);
  return {};
}

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr auto none = DirectiveSpec::Body::None;
constexpr std::string_view at_once = "compressed bytes go on as soon as there is no more to wait for";

constexpr std::array directives = {
    DirectiveSpec{"gzip", everywhere | rules::IfInLocation, 1, 1, none, &rules::set_flag<&GzipSettings::gzip>},
    DirectiveSpec{"gzip_types", everywhere, 1, rules::any_number, none, &set_types},
    DirectiveSpec{"gzip_min_length", everywhere, 1, 1, none, &rules::set_size<&GzipSettings::least_length>},
    DirectiveSpec{"gzip_comp_level", everywhere, 1, 1, none, &set_level},
    DirectiveSpec{"gzip_window", everywhere, 1, 1, none, &set_power<&GzipSettings::window, 512, 32 * 1024>},
    DirectiveSpec{"gzip_hash", everywhere, 1, 1, none, &set_power<&GzipSettings::hash, 512, 128 * 1024>},
    DirectiveSpec{"gzip_buffers", everywhere, 2, 2, none, &set_buffers<rules::check_buffers>},
    DirectiveSpec{"gzip_no_buffer", everywhere, 1, 1, none, rules::check_flag, at_once},
    DirectiveSpec{"postpone_gzipping", everywhere, 1, 1, none, rules::check_size, at_once},
    DirectiveSpec{"gunzip", everywhere, 1, 1, none, &rules::set_flag<&GzipSettings::gunzip>},
    DirectiveSpec{"gunzip_buffers", everywhere, 2, 2, none, &set_buffers<rules::check_buffers>},
};

constexpr std::array variables = {rules::VariableSpec{"gzip_ratio", &ratio}};

}  // namespace

void describe_gzip(rules::Language& language) {
  language.add_directives(directives);
  language.add_variables(variables);
  language.add_response_stage(std::make_unique<Gunzip>());
  language.add_response_stage(std::make_unique<Gzip>());
}

}  // namespace caisson::gateway

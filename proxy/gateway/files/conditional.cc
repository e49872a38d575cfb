#include "gateway/files/conditional.h"

#include "base/text.h"
#include "gateway/answers/http_date.h"

namespace caisson::gateway {

namespace {

// ngx_http_test_if_match; `weak`: "W/" makes no difference.
bool matches(std::string_view list, std::string_view etag, bool weak) {
  if (list == "*") return true;
  if (etag.empty()) return false;
  if (weak && etag.starts_with("W/")) etag.remove_prefix(2);
  for (std::string_view candidate : text::split(list, ',')) {
    candidate = text::trimmed(candidate);
    if (weak && candidate.starts_with("W/")) candidate.remove_prefix(2);
    if (candidate == etag) return true;
  }
  return false;
}

bool modified_since(std::string_view header, const Validators& document, ModifiedSince mode) {
  if (!document.modified || mode == ModifiedSince::Off) return true;
  const auto since = parse_http_date(header);
  if (!since) return true;
  if (*since == *document.modified) return false;
  return mode == ModifiedSince::Exact || *since < *document.modified;
}

bool unmodified_since(std::string_view header, const Validators& document) {
  if (!document.modified) return false;
  const auto since = parse_http_date(header);
  return since && *since >= *document.modified;
}

}  // namespace

Condition check_conditions(const http::Headers& request, const Validators& document, ModifiedSince mode) {
  if (const std::string* since = request.find("If-Unmodified-Since"); since && !unmodified_since(*since, document)) {
    return Condition::Failed;
  }
  if (const std::string* match = request.find("If-Match"); match && !matches(*match, document.etag, false)) {
    return Condition::Failed;
  }
  const std::string* since = request.find("If-Modified-Since");
  const std::string* none_match = request.find("If-None-Match");
  if (since == nullptr && none_match == nullptr) return Condition::Send;
  if (since != nullptr && modified_since(*since, document, mode)) return Condition::Send;
  if (none_match != nullptr && !matches(*none_match, document.etag, true)) return Condition::Send;
  return Condition::NotModified;
}

bool range_may_count(const http::Headers& request, const Validators& document) {
  const std::string* value = request.find("If-Range");
  if (value == nullptr) return true;
  if (value->size() >= 2 && value->ends_with('"')) return !document.etag.empty() && *value == document.etag;
  const auto date = parse_http_date(*value);
  return date && document.modified && *date == *document.modified;
}

}  // namespace caisson::gateway

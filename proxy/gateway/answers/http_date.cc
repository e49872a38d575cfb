#include "gateway/answers/http_date.h"

#include <array>

namespace caisson::gateway {

std::string http_date(std::time_t at) {
  // Nearly every answer has one, and nearly all of them that of this second.
  struct Last {
    std::time_t at = 0;
    std::string text;
  };
  static thread_local Last last;
  if (last.text.empty() || last.at != at) {
    std::tm parts{};
    gmtime_r(&at, &parts);
    char text[40];
    last = {at, {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)}};
  }
  return last.text;
}

std::optional<std::time_t> parse_http_date(std::string_view text) {
  // IMF-fixdate, RFC 850, asctime. The process keeps the "C" locale, so the names are English.
  static constexpr std::array formats = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                         "%a %b %e %H:%M:%S %Y"};
  const std::string copy(text);
  for (const char* format : formats) {
    std::tm parts{};
    const char* end = ::strptime(copy.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return ::timegm(&parts);
  }
  return std::nullopt;
}

}  // namespace caisson::gateway

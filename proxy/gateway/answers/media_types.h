// The media types that a filter works on, as gzip_types and charset_types name them. ngx_http_types_slot,
// ngx_http_test_content_type
//
// Ownership: a value, part of the settings. Threading: read-only after loading.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "rules/loader.h"

namespace caisson::gateway {

class MediaTypes {
 public:
  MediaTypes(std::initializer_list<std::string> types) : types_(types) {}

  // False when it was there already.
  bool add(std::string_view type);
  // Whether a Content-Type, which may have parameters, is of one of these types.
  bool has(std::string_view content_type) const;

 private:
  std::set<std::string> types_;  // in lower case; "*" is any
};

// Takes a directive's arguments as types, beside text/html, which is always one.
Result<void> take_media_types(rules::Loader& loader, const config::Directive& directive,
                              std::optional<MediaTypes>& into);

}  // namespace caisson::gateway

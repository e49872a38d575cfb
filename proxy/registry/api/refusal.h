// The registry's error answers: a status and a JSON body that names its code (registry contract, section 3). What
// clients do next depends on the code.
//
// Threading: none of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/headers.h"

namespace caisson::registry {

enum class Code {
  BlobUnknown,
  BlobUploadInvalid,
  BlobUploadUnknown,
  DigestInvalid,
  ManifestBlobUnknown,
  ManifestInvalid,
  ManifestUnknown,
  NameInvalid,
  NameUnknown,
  PaginationNumberInvalid,
  RangeInvalid,
  SizeInvalid,
  TagInvalid,
  Unsupported,
  Unavailable,
  Unknown,
};

struct Refusal {
  unsigned status = 500;
  std::string body;  // JSON
  http::Headers headers = {};
};

// With the code's usual status and message. `detail` is JSON text; left out when empty.
Refusal refusal(Code code, std::string_view detail = {});
// The same with one error for each detail.
Refusal refusal(Code code, const std::vector<std::string>& details);
// What a fault of the storage is to a client; it names no paths.
Refusal storage_refusal(const Error& error);

// `text` as a JSON string in its quotes. What is not UTF-8 in it is replaced.
std::string json_string(std::string_view text);

}  // namespace caisson::registry

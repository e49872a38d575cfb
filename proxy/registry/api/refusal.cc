#include "registry/api/refusal.h"

#include <nlohmann/json.hpp>

namespace caisson::registry {
namespace {

struct Description {
  unsigned status;
  std::string_view code;
  std::string_view message;
};

Description describe(Code code) noexcept {
  switch (code) {
    case Code::BlobUnknown:
      return {404, "BLOB_UNKNOWN", "blob unknown to registry"};
    case Code::BlobUploadInvalid:
      return {400, "BLOB_UPLOAD_INVALID", "blob upload invalid"};
    case Code::BlobUploadUnknown:
      return {404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"};
    case Code::DigestInvalid:
      return {400, "DIGEST_INVALID", "provided digest did not match uploaded content"};
    case Code::ManifestBlobUnknown:
      return {400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"};
    case Code::ManifestInvalid:
      return {400, "MANIFEST_INVALID", "manifest invalid"};
    case Code::ManifestUnknown:
      return {404, "MANIFEST_UNKNOWN", "manifest unknown"};
    case Code::NameInvalid:
      return {404, "NAME_INVALID", "invalid repository name"};
    case Code::NameUnknown:
      return {404, "NAME_UNKNOWN", "repository name not known to registry"};
    case Code::PaginationNumberInvalid:
      return {400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested"};
    case Code::RangeInvalid:
      return {416, "RANGE_INVALID", "invalid content range"};
    case Code::SizeInvalid:
      return {400, "SIZE_INVALID", "provided length did not match content length"};
    case Code::TagInvalid:
      return {400, "TAG_INVALID", "manifest tag did not match URI"};
    case Code::Unsupported:
      return {405, "UNSUPPORTED", "The operation is unsupported."};
    case Code::Unavailable:
      return {503, "UNAVAILABLE", "service unavailable"};
    case Code::Unknown:
      break;
  }
  return {500, "UNKNOWN", "unknown error"};
}

}  // namespace

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Refusal refusal(Code code, const std::vector<std::string>& details) {
  const Description description = describe(code);
  std::string body = R"({"errors":[)";
  for (const std::string& detail : details) {
    if (body.back() == '}') body += ',';
    body += R"({"code":")";
    body += description.code;
    body += R"(","message":")";
    body += description.message;
    body += '"';
    if (!detail.empty()) body += R"(,"detail":)" + detail;
    body += '}';
  }
  body += "]}\n";
  return {description.status, std::move(body)};
}

Refusal refusal(Code code, std::string_view detail) { return refusal(code, std::vector{std::string(detail)}); }

Refusal storage_refusal(const Error& error) {
  switch (error.code) {
    case ErrorCode::NoSpace: {
      Refusal full = refusal(Code::Unavailable, R"("the registry's storage is full")");
      full.status = 507;
      return full;
    }
    case ErrorCode::ReadOnly:
      return refusal(Code::Unavailable, R"("the registry's storage cannot be written")");
    case ErrorCode::Busy: {
      Refusal busy = refusal(Code::Unavailable, R"("the registry has too many files open")");
      busy.headers.add("Retry-After", "1");
      return busy;
    }
    default:
      return refusal(Code::Unknown);
  }
}

}  // namespace caisson::registry

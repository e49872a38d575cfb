#include "registry/doctor/transfer.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace caisson::registry::doctor {
namespace {

using CurlList = std::unique_ptr<curl_slist, FreeWith<&curl_slist_free_all>>;
using CurlUrl = std::unique_ptr<CURLU, FreeWith<&curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, FreeWith<&curl_free>>;

constexpr long kConnectSeconds = 20;
// A transfer may take long, but not stand still so long.
constexpr long kIdleSeconds = 60;

Result<CurlUrl> parse_url(const std::string& text) {
  CurlUrl url(curl_url());
  if (url && curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK) return url;
  return Error{ErrorCode::BadConfig, "\"" + text + "\" is no URL"};
}

std::string part_of(const CurlUrl& url, CURLUPart part) {
  char* text = nullptr;
  const CURLUcode code = curl_url_get(url.get(), part, &text, CURLU_DEFAULT_PORT);
  const CurlText owned(text);
  return code == CURLUE_OK ? std::string(text) : std::string();
}

// What a transfer fills while it runs.
struct Receiver {
  CURL* curl;
  const Transfer::Request& request;
  Transfer::Answer answer = {};
  std::optional<Error> refused = {};  // why the transfer was ended here
  std::uint64_t passed_over = 0;

  long status() const {
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  bool take(std::string_view bytes) {
    if (request.sink != nullptr && (status() == 200 || status() == 206)) {
      // Whoever knows no ranges begins at the beginning again.
      if (status() == 200 && passed_over < request.from) {
        const auto known = std::min<std::uint64_t>(bytes.size(), request.from - passed_over);
        passed_over += known;
        bytes.remove_prefix(known);
      }
      auto taken = (*request.sink)(text::bytes_of(bytes));
      if (!taken.ok()) refused = std::move(taken).error();
      return !refused;
    }
    if (answer.body.size() + bytes.size() > request.limit) {
      refused = Error{ErrorCode::TooLarge, "the answer is too large"};
      return false;
    }
    answer.body += bytes;
    return true;
  }
};

// No exception crosses libcurl.
std::size_t on_body(char* data, std::size_t size, std::size_t count, void* told) noexcept {
  auto& receiver = *static_cast<Receiver*>(told);
  try {
    return receiver.take({data, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
  } catch (const std::exception& failure) {
    receiver.refused = Error{ErrorCode::Io, failure.what()};
    return CURL_WRITEFUNC_ERROR;
  }
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* told) noexcept {
  auto& receiver = *static_cast<Receiver*>(told);
  const std::string_view line = text::trimmed(std::string_view(data, size * count), " \t\r\n");
  try {
    if (line.starts_with("HTTP/")) receiver.answer.headers.clear();  // of an interim answer
    if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      receiver.answer.headers.emplace_back(text::lowered(line.substr(0, colon)), text::trimmed(line.substr(colon + 1)));
    }
  } catch (const std::exception&) {
    return 0;
  }
  return size * count;
}

}  // namespace

Result<std::string> origin_of(const std::string& text) {
  auto url = parse_url(text);
  if (!url.ok()) return std::move(url).error();
  const std::string scheme = part_of(url.value(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return Error{ErrorCode::BadConfig, "\"" + text + "\" is no http URL"};
  return scheme + "://" + text::lowered(part_of(url.value(), CURLUPART_HOST)) + ':' +
         part_of(url.value(), CURLUPART_PORT);
}

Result<std::string> resolve(const std::string& base, const std::string& location) {
  auto url = parse_url(base);
  if (!url.ok()) return std::move(url).error();
  if (curl_url_set(url.value().get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK) {
    return Error{ErrorCode::BadRequest, "a redirect leads nowhere"};
  }
  return part_of(url.value(), CURLUPART_URL);
}

std::string_view Transfer::Answer::find(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

Transfer::Transfer(std::string authorities) : authorities_(std::move(authorities)) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready == CURLE_OK) curl_.reset(curl_easy_init());
}

Result<Transfer::Answer> Transfer::perform(const Request& request) {
  CURL* const curl = curl_.get();
  if (curl == nullptr) return Error{ErrorCode::Io, "no connection can be made"};
  curl_easy_reset(curl);  // connections stay
  Receiver receiver{curl, request};
  std::array<char, CURL_ERROR_SIZE> why{};
  CurlList headers;
  for (const std::string& header : request.headers) headers.reset(curl_slist_append(headers.release(), header.c_str()));
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  if (request.from > 0) curl_easy_setopt(curl, CURLOPT_RANGE, (std::to_string(request.from) + '-').c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "caisson/" CAISSON_VERSION);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kIdleSeconds);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &receiver);
  if (!authorities_.empty()) {
    curl_blob pem{const_cast<char*>(authorities_.data()), authorities_.size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &pem);
  }
  const CURLcode done = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  if (receiver.refused) return std::move(*receiver.refused);
  if (done != CURLE_OK) {
    const bool unproven = done == CURLE_PEER_FAILED_VERIFICATION;
    return Error{unproven ? ErrorCode::Denied : ErrorCode::Busy,
                 why[0] != '\0' ? why.data() : curl_easy_strerror(done)};
  }
  receiver.answer.status = receiver.status();
  return std::move(receiver.answer);
}

}  // namespace caisson::registry::doctor

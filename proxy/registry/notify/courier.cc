#include "registry/notify/courier.h"

#include <curl/curl.h>

#include "base/handle.h"

namespace caisson::registry::notify {
namespace {

struct Watch {
  CURL* curl;
  const std::stop_token& stop;
};

int stop_if_told(void* given, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& watch = *static_cast<const Watch*>(given);
  if (!watch.stop.stop_requested()) return 0;
  // Or else libcurl waits for a name to be looked up, which can take long.
  curl_easy_setopt(watch.curl, CURLOPT_QUICK_EXIT, 1L);
  return 1;
}

std::size_t drop(char*, std::size_t size, std::size_t count, void*) { return size * count; }

}  // namespace

struct Courier::Transfer {
  std::unique_ptr<CURL, FreeWith<&curl_easy_cleanup>> curl;
  std::unique_ptr<curl_slist, FreeWith<&curl_slist_free_all>> headers;
};

Courier::Courier(const Address& address) : transfer_(std::make_unique<Transfer>()) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) return;
  transfer_->curl.reset(curl_easy_init());
  CURL* const curl = transfer_->curl.get();
  if (curl == nullptr) return;
  const auto add = [&](const char* line) {
    transfer_->headers.reset(curl_slist_append(transfer_->headers.release(), line));
  };
  add("Content-Type: application/vnd.docker.distribution.events.v1+json");
  add("Expect:");  // an envelope is small: nobody is asked first whether it may come
  for (const std::string& header : address.headers) add(header.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, address.url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(address.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer_->headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "caisson/" CAISSON_VERSION);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &stop_if_told);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &drop);
  curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
}

Courier::~Courier() = default;

Courier::Answer Courier::post(const std::string& body, const std::string& credentials, const std::stop_token& stop) {
  CURL* const curl = transfer_->curl.get();
  if (curl == nullptr) return {0, "no connection can be made"};
  Watch watch{curl, stop};
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &watch);
  curl_easy_setopt(curl, CURLOPT_USERPWD, credentials.empty() ? nullptr : credentials.c_str());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);  // a redirect may have made a GET of it
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  const CURLcode done = curl_easy_perform(curl);
  if (done != CURLE_OK) return {0, curl_easy_strerror(done)};
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return {status, {}};
}

}  // namespace caisson::registry::notify

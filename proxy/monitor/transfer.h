// libcurl's handles, and what all transfers to other servers have in common.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/handle.h"

namespace caisson::monitor {

using Curl = std::unique_ptr<CURL, FreeWith<&curl_easy_cleanup>>;
using CurlList = std::unique_ptr<curl_slist, FreeWith<&curl_slist_free_all>>;

// A transfer that is set up but for what it is for; its body is dropped. Null: there is no memory.
inline Curl new_transfer(const std::string& url, std::chrono::milliseconds timeout) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  Curl curl(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!curl) return curl;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_QUICK_EXIT, 1L);  // neither timeout nor end waits for a name to be looked up
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  constexpr auto drop = [](char*, std::size_t size, std::size_t count, void*) { return size * count; };
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION,
                   static_cast<std::size_t (*)(char*, std::size_t, std::size_t, void*)>(drop));
  return curl;
}

}  // namespace caisson::monitor

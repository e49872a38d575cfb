#include "monitor/probes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/handle.h"
#include "monitor/transfer.h"

namespace caisson::monitor {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

int stop_if_told(void* told, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(told)->stop_requested() ? 1 : 0;
}

// A transfer that ends when it is told to.
Curl new_transfer(const std::string& url, std::chrono::milliseconds timeout, const std::stop_token& stop) {
  Curl curl = monitor::new_transfer(url, timeout);
  if (!curl) return curl;
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &stop_if_told);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &stop);
  return curl;
}

}  // namespace

Probe folder_is_there(std::string path) {
  return [path = std::move(path)](const std::stop_token&) -> std::optional<std::string> {
    const Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return reason(errno);
    struct stat found {};
    if (::fstatat(folder.get(), ".", &found, 0) != 0) return reason(errno);
    return std::nullopt;
  };
}

Probe no_file(std::string path) {
  return [path = std::move(path)](const std::stop_token&) -> std::optional<std::string> {
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0) return "file exists";
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return reason(errno);
  };
}

Probe http_answers(HttpProbe what) {
  return [what = std::move(what)](const std::stop_token& stop) -> std::optional<std::string> {
    const Curl curl = new_transfer(what.url, what.timeout, stop);
    if (!curl) return "no connection can be made";
    CurlList headers;
    for (const std::string& header : what.headers) {
      headers.reset(curl_slist_append(headers.release(), header.c_str()));
    }
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    const CURLcode done = curl_easy_perform(curl.get());
    if (done != CURLE_OK) return "error while checking: " + what.url + ": " + curl_easy_strerror(done);
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status == static_cast<long>(what.status)) return std::nullopt;
    return "downstream service returned unexpected status: " + std::to_string(status);
  };
}

Probe tcp_connects(std::string address, std::chrono::milliseconds timeout) {
  return [address = std::move(address), timeout](const std::stop_token& stop) -> std::optional<std::string> {
    const Curl curl = new_transfer("http://" + address, timeout, stop);
    if (!curl) return "no connection can be made";
    curl_easy_setopt(curl.get(), CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
    if (curl_easy_perform(curl.get()) == CURLE_OK) return std::nullopt;
    return "connection to " + address + " failed";
  };
}

}  // namespace caisson::monitor

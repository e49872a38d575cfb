#include "monitor/registry_probe.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "monitor/transfer.h"

namespace caisson::monitor {

namespace {

// Where the upload is begun; it leaves nothing behind but an empty folder in some registries.
constexpr const char* trial_repository = "caisson-check";

struct Reply {
  std::string error;  // of the connection; empty: there is a status
  long status = 0;
  std::map<std::string, std::string> headers;  // by name in lower case
};

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* into) {
  std::string line(data, size * count);
  const std::size_t colon = line.find(':');
  if (colon != std::string::npos) {
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    const std::size_t end = line.find_last_not_of(" \t\r\n");
    static_cast<Reply*>(into)->headers[name] =
        begin == std::string::npos || end < begin ? "" : line.substr(begin, end + 1 - begin);
  }
  return size * count;
}

Reply ask(const RegistryProbe& probe, const char* method, const std::string& path) {
  Reply reply;
  const Curl curl = new_transfer(probe.base + path, probe.timeout);
  if (!curl) return {"no memory for a connection", 0, {}};
  CurlList headers;
  for (const std::string& header : probe.headers) headers.reset(curl_slist_append(headers.release(), header.c_str()));
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method);
  if (std::string_view(method) == "POST") curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, "");
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  if (!probe.unix_socket.empty()) curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, probe.unix_socket.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, probe.verify ? 1L : 0L);
  curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, probe.verify ? 2L : 0L);
  if (!probe.authorities.empty()) curl_easy_setopt(curl.get(), CURLOPT_CAINFO, probe.authorities.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, &take_header);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &reply);
  const CURLcode done = curl_easy_perform(curl.get());
  if (done != CURLE_OK) reply.error = curl_easy_strerror(done);
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &reply.status);
  return reply;
}

// "https://host:5043/v2/..." -> its parts; the port that the scheme stands for is left out.
struct Origin {
  std::string scheme;
  std::string authority;
};
Origin origin_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t end = std::min(url.find('/', scheme + 3), url.size());
  Origin origin{url.substr(0, scheme), url.substr(scheme + 3, end - scheme - 3)};
  const std::string usual = origin.scheme == "https" ? ":443" : ":80";
  if (origin.authority.ends_with(usual)) origin.authority.resize(origin.authority.size() - usual.size());
  return origin;
}

std::string path_of(const std::string& location) {
  const std::size_t scheme = location.find("://");
  return scheme == std::string::npos ? location
                                     : location.substr(std::min(location.find('/', scheme + 3), location.size()));
}

ProbeLine judge_api(const RegistryProbe& probe, const Reply& reply) {
  if (!reply.error.empty()) return {false, reply.error};
  const std::string status = "GET " + probe.api + " is answered with " + std::to_string(reply.status);
  if (reply.status != 200 && reply.status != 401) {
    return {false, status + ": a registry says 200, or 401 when it wants to know who asks"};
  }
  const auto version = reply.headers.find("docker-distribution-api-version");
  if (version == reply.headers.end()) {
    return {
        false,
        status + " without Docker-Distribution-Api-Version: this may be no registry, and old clients take it for none"};
  }
  const auto challenge = reply.headers.find("www-authenticate");
  if (reply.status == 401 && challenge == reply.headers.end()) {
    return {false, status + " without WWW-Authenticate: \"docker login\" finds no way to log in"};
  }
  return {true, status + " and " + version->second + (reply.status == 401 ? "; it asks for " + challenge->second : "")};
}

}  // namespace

ProbeLine judge_location(const std::string& location, const std::string& client_url) {
  const std::string seen = "an upload's Location is " + location.substr(0, location.find('?'));
  if (location.find("://") == std::string::npos) return {true, seen + ": clients stay where they are"};
  const Origin told = origin_of(location);
  const Origin right = origin_of(client_url);
  if (told.authority != right.authority) {
    return {false, seen + ", and clients come to " + client_url +
                       ": \"docker push\" goes on at the wrong place; write \"proxy_set_header Host $http_host;\""};
  }
  if (told.scheme != right.scheme) {
    return {false, seen + ", and clients come to " + client_url +
                       ": nginx passes that on, and \"docker push\" ends in \"unauthorized\" or \"blob upload "
                       "unknown\" (here it is put right); write \"proxy_set_header X-Forwarded-Proto $scheme;\""};
  }
  return {true, seen + ", where clients are"};
}

std::vector<ProbeLine> probe_registry(const RegistryProbe& probe) {
  const Reply api = ask(probe, "GET", probe.api);
  std::vector<ProbeLine> lines{judge_api(probe, api)};
  if (!lines.back().good) return lines;
  if (api.status == 401) {
    lines.push_back({true, "it lets nobody in without a password, so no upload was tried"});
    return lines;
  }
  const Reply begun = ask(probe, "POST", probe.api + trial_repository + "/blobs/uploads/");
  const auto location = begun.headers.find("location");
  if (!begun.error.empty() || begun.status != 202 || location == begun.headers.end()) {
    const std::string what = begun.error.empty() ? "answered with " + std::to_string(begun.status) : begun.error;
    lines.push_back({false, "an upload cannot be begun: " + what});
    return lines;
  }
  lines.push_back(judge_location(location->second, probe.client_url));
  const Reply cancelled = ask(probe, "DELETE", path_of(location->second));
  if (cancelled.status != 204) {
    lines.push_back({false, "the upload that was begun could not be cancelled: " +
                                (cancelled.error.empty() ? std::to_string(cancelled.status) : cancelled.error)});
  }
  return lines;
}

}  // namespace caisson::monitor

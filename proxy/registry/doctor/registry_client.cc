#include "registry/doctor/registry_client.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/text.h"
#include "registry/manifest/manifest.h"
#include "registry/store/repository.h"

namespace caisson::registry::doctor {
namespace {

constexpr int kMostRedirects = 5;
constexpr int kMostTries = 4;
constexpr std::chrono::seconds kLongestPause{60};

// What may be over soon: too many requests, or a fault there.
bool may_pass(long status) { return status == 429 || status == 500 || status == 502 || status == 503 || status == 504; }

// How long to wait after so many tries; nothing when another one would be of no use.
std::optional<std::chrono::milliseconds> pause_after(const Result<Transfer::Answer>& answer, int tries) {
  const auto usual = std::chrono::milliseconds(500) * (1 << tries);
  if (!answer.ok()) return answer.error().code == ErrorCode::Busy ? std::optional(usual) : std::nullopt;
  if (!may_pass(answer.value().status)) return std::nullopt;
  const auto told = text::to_number(answer.value().find("retry-after"));
  return told ? std::chrono::seconds(std::min<std::uint64_t>(*told, kLongestPause.count())) : usual;
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::vector<std::string> manifest_types() {
  std::vector<std::string> headers;
  for (const std::string_view type :
       {media::kOciIndex, media::kOciImage, media::kDockerList, media::kDockerImage, media::kDockerSchema1}) {
    headers.push_back("Accept: " + std::string(type));
  }
  return headers;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const char l = text::lower(c);
    if ((l >= 'a' && l <= 'z') || text::is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      const std::byte byte{static_cast<unsigned char>(c)};
      out += '%' + text::to_hex(std::span(&byte, 1));
    }
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<RegistryClient>> RegistryClient::make(const RegistryAddress& address) {
  auto origin = origin_of(address.url);
  if (!origin.ok()) return std::move(origin).error();
  const std::size_t host = address.url.find("://") + 3;
  const std::size_t slash = std::min(address.url.find('/', host), address.url.size());
  const std::string_view authority = std::string_view(address.url).substr(host, slash - host);
  if (authority.find('@') != std::string_view::npos) {
    return Error{ErrorCode::BadConfig, "a user and password do not belong into the URL, where others see them"};
  }
  std::string prefix(text::trimmed(std::string_view(address.url).substr(slash), "/"));
  if (!prefix.empty() && !store::RepositoryName::parse(prefix).ok()) {
    return Error{ErrorCode::BadConfig, "\"" + prefix + "\" is no beginning of a repository's name"};
  }
  if (!prefix.empty()) prefix += '/';
  return std::unique_ptr<RegistryClient>(new RegistryClient(address, std::move(origin).value(), std::move(prefix)));
}

Result<void> RegistryClient::blob(const store::RepositoryName& name, const store::Digest& digest, const Sink& sink) {
  auto answer = get(name, {.url = url_of(name, "blobs/" + digest.str()), .sink = &sink});
  return answer.ok() ? Result<void>() : std::move(answer).error();
}

Result<std::string> RegistryClient::manifest(const store::RepositoryName& name, const store::Digest& digest) {
  auto answer = get(name, {.url = url_of(name, "manifests/" + digest.str()),
                           .headers = manifest_types(),
                           .limit = store::kLargestManifest});
  if (!answer.ok()) return std::move(answer).error();
  return std::move(answer.value().body);
}

Result<store::Digest> RegistryClient::tagged(const store::RepositoryName& name, const store::Tag& tag) {
  auto answer = get(name, {.url = url_of(name, "manifests/" + tag.str()), .headers = manifest_types(), .head = true});
  if (!answer.ok()) return std::move(answer).error();
  return store::Digest::parse(answer.value().find("docker-content-digest"));
}

std::string RegistryClient::url_of(const store::RepositoryName& name, const std::string& rest) const {
  return origin_ + "/v2/" + prefix_ + name.str() + '/' + rest;
}

Result<Transfer::Answer> RegistryClient::get(const store::RepositoryName& name, Transfer::Request request) {
  const Sink* const sink = request.sink;
  const Sink counted = [&request, sink](std::span<const std::byte> bytes) {
    auto taken = (*sink)(bytes);
    if (taken.ok()) request.from += bytes.size();
    return taken;
  };
  if (sink != nullptr) request.sink = &counted;
  auto answer = ask(name, request);
  for (int tries = 1; answers_ && tries < kMostTries; ++tries) {
    const auto pause = pause_after(answer, tries);
    if (!pause) break;
    std::this_thread::sleep_for(*pause);
    answer = ask(name, request);
  }
  answers_ = answer.ok();
  if (!answer.ok()) return std::move(answer).error().in(origin_);
  const long status = answer.value().status;
  if (status == 200 || status == 206) return answer;
  if (status == 404) return Error{ErrorCode::NotFound, origin_ + " does not have it"};
  if (status == 401 || status == 403) return Error{ErrorCode::Denied, origin_ + " does not let this user in"};
  return Error{ErrorCode::Io, origin_ + " answered " + std::to_string(status)};
}

Result<Transfer::Answer> RegistryClient::ask(const store::RepositoryName& name, const Transfer::Request& request) {
  auto answer = follow(request, authorizations_[name.str()]);
  answers_ = answers_ || answer.ok();
  if (!answer.ok() || answer.value().status != 401) return answer;
  auto authorization = answer_to(answer.value(), name);  // a token may have run out
  if (!authorization.ok()) return std::move(authorization).error();
  authorizations_[name.str()] = authorization.value();
  return follow(request, authorization.value());
}

Result<Transfer::Answer> RegistryClient::follow(Transfer::Request request, const std::string& authorization) {
  const std::vector<std::string> headers = request.headers;
  for (int redirects = 0;; ++redirects) {
    auto origin = origin_of(request.url);
    if (!origin.ok()) return std::move(origin).error();
    request.headers = headers;
    if (!authorization.empty() && origin.value() == origin_) {
      request.headers.push_back("Authorization: " + authorization);
    }
    auto answer = transfer_.perform(request);
    if (!answer.ok() || !is_redirect(answer.value().status)) return answer;
    if (redirects == kMostRedirects) return Error{ErrorCode::Io, "it redirects again and again"};
    auto next = resolve(request.url, std::string(answer.value().find("location")));
    if (!next.ok()) return std::move(next).error();
    if (request.url.starts_with("https:") && !next.value().starts_with("https:")) {
      return Error{ErrorCode::Denied, "it redirects from https to something else"};
    }
    request.url = std::move(next).value();
  }
}

std::string RegistryClient::basic() const {
  return "Basic " + text::to_base64(text::bytes_of(address_.user + ':' + address_.password));
}

Result<std::string> RegistryClient::answer_to(const Transfer::Answer& refusal, const store::RepositoryName& name) {
  for (const auto& [header, value] : refusal.headers) {
    if (header != "www-authenticate") continue;
    for (const Challenge& challenge : parse_challenges(value)) {
      if (challenge.scheme == "bearer") return fetch_token(challenge, name);
      if (challenge.scheme == "basic" && !address_.user.empty()) return basic();
    }
  }
  return Error{ErrorCode::Denied, origin_ + (address_.user.empty() ? " wants a user and password (--from-user)"
                                                                   : " wants something else than a password")};
}

// As docker does it: https://distribution.github.io/distribution/spec/auth/token/
Result<std::string> RegistryClient::fetch_token(const Challenge& challenge, const store::RepositoryName& name) {
  const std::string realm(challenge.find("realm"));
  auto service = origin_of(realm);
  if (!service.ok()) return Error{ErrorCode::Denied, origin_ + " names no place that gives tokens"};
  if (origin_.starts_with("https:") && !service.value().starts_with("https:")) {
    return Error{ErrorCode::Denied, origin_ + " names a place for tokens that is not https"};
  }
  std::string scope(challenge.find("scope"));
  if (scope.empty()) scope = "repository:" + prefix_ + name.str() + ":pull";
  std::string url = realm + (realm.find('?') == std::string::npos ? '?' : '&') + "scope=" + escaped(scope);
  if (const auto wanted = challenge.find("service"); !wanted.empty()) url += "&service=" + escaped(wanted);
  Transfer::Request request{.url = url};
  if (!address_.user.empty()) {
    request.url += "&account=" + escaped(address_.user);
    request.headers.push_back("Authorization: " + basic());
  }
  auto answer = transfer_.perform(request);
  if (!answer.ok()) return std::move(answer).error().in(service.value());
  if (may_pass(answer.value().status)) {
    return Error{ErrorCode::Busy, service.value() + " answered " + std::to_string(answer.value().status)};
  }
  if (answer.value().status != 200) return Error{ErrorCode::Denied, service.value() + " gives no token"};
  const auto json = nlohmann::json::parse(answer.value().body, nullptr, false);
  for (const char* const key : {"token", "access_token"}) {
    if (!json.is_object() || !json.contains(key) || !json[key].is_string()) continue;
    const auto token = json[key].get<std::string>();
    if (token.find_first_of("\r\n") == std::string::npos) return "Bearer " + token;
  }
  return Error{ErrorCode::Denied, service.value() + " gives no token"};
}

}  // namespace caisson::registry::doctor

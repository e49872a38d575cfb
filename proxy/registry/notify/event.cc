#include "registry/notify/event.h"

#include <openssl/rand.h>

#include <array>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>

#include "base/text.h"

namespace caisson::registry::notify {
namespace {

using Json = nlohmann::ordered_json;

// Go's time.RFC3339Nano: a fraction without zeros at its end.
std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  std::string made(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc));
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  std::string fraction = std::to_string(1'000'000'000 + nanoseconds % 1'000'000'000);
  fraction[0] = '.';
  while (fraction.ends_with('0')) fraction.pop_back();
  return made + (fraction == "." ? "" : fraction) + 'Z';
}

void put(Json& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

Json target_of(const Event& event) {
  Json target = Json::object();
  put(target, "mediaType", event.media_type);
  if (event.size != 0) target["size"] = event.size;
  put(target, "digest", event.digest);
  if (event.size != 0) target["length"] = event.size;
  put(target, "repository", event.repository);
  put(target, "fromRepository", event.from_repository);
  put(target, "url", event.url);
  put(target, "tag", event.tag);
  if (!event.references.empty()) target["references"] = Json::parse(event.references, nullptr, false);
  return target;
}

}  // namespace

std::string_view name_of(Action action) noexcept {
  constexpr std::array<std::string_view, 4> names = {"push", "pull", "mount", "delete"};
  return names[static_cast<std::size_t>(action)];
}

std::string new_uuid() {
  std::array<std::byte, 16> raw{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(raw.size())) != 1) {
    throw std::runtime_error("the system has no randomness for a UUID");
  }
  raw[6] = (raw[6] & std::byte{0x0f}) | std::byte{0x40};
  raw[8] = (raw[8] & std::byte{0x3f}) | std::byte{0x80};
  std::string text = text::to_hex(raw);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, 1, '-');
  return text;
}

std::string to_json(const Event& event, const Source& source) {
  Json json;
  json["id"] = new_uuid();
  json["timestamp"] = now_text();
  json["action"] = name_of(event.action);
  json["target"] = target_of(event);
  Json& request = json["request"];
  request["id"] = event.request_id;
  request["addr"] = event.address;
  put(request, "host", event.host);
  request["method"] = event.method;
  request["useragent"] = event.user_agent;
  json["actor"] = Json::object();
  put(json["actor"], "name", event.user);
  json["source"] = {{"addr", source.address}, {"instanceID", source.instance}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string references_of(std::string_view manifest) {
  const Json document = Json::parse(manifest, nullptr, false);
  if (!document.is_object()) return {};
  Json references = Json::array();
  const auto add = [&](const Json& descriptor) {
    if (!descriptor.is_object()) return;
    Json kept = Json::object();
    for (const char* const name : {"mediaType", "size", "digest", "urls", "annotations"}) {
      if (const auto found = descriptor.find(name); found != descriptor.end()) kept[name] = *found;
    }
    references.push_back(std::move(kept));
  };
  if (const auto config = document.find("config"); config != document.end()) add(*config);
  for (const char* const list : {"layers", "manifests"}) {
    const auto found = document.find(list);
    if (found == document.end() || !found->is_array()) continue;
    for (const Json& descriptor : *found) add(descriptor);
  }
  return references.empty() ? std::string() : references.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace caisson::registry::notify

// Which events a request makes: their fields, their order, and none when it fails.
#include "registry/api/announcements.h"

#include <doctest/doctest.h>

#include <regex>
#include <string>
#include <vector>

#include "registry/manifest/manifest.h"
#include "unit/registry/api/api_harness.h"
#include "unit/registry/notify/receiver.h"

using namespace caisson;
using namespace caisson::registry;
using registry::Registry;

namespace {

using Events = std::vector<std::string>;

const std::string absent = "sha256:" + std::string(64, 'a');
const std::string octets = "application/octet-stream";
const std::string image_type(media::kOciImage);

ApiSettings telling(const notify::Receiver& receiver, ApiSettings settings) {
  settings.delete_enabled = true;
  settings.notifications.endpoints = {notify::settings_for(receiver)};
  settings.notifications.source = "host:5000";
  return settings;
}

// A registry whose events are received.
struct Announcing {
  explicit Announcing(ApiSettings settings = {}) : registry(telling(receiver, std::move(settings))) {}

  // The events since the last call, in their order. They come one after the other, so the end of them is a pull of
  // ours.
  Events news() {
    registry.ask({"HEAD", "/v2/end/blobs/" + end});
    const auto requests = receiver.wait([&](const std::vector<std::string>& all) {
      return all.size() > seen && is_of_end(all.back()) && all.back().find("\"method\":\"HEAD\"") != std::string::npos;
    });
    Events events;
    for (; seen < requests.size(); ++seen) {
      if (is_of_end(requests[seen])) continue;
      const std::string begin = "{\"events\":[";
      const std::size_t at = requests[seen].find(begin) + begin.size();
      events.push_back(requests[seen].substr(at, requests[seen].size() - 2 - at));
    }
    return events;
  }
  // What they say of what happened, without who did it.
  Events targets() {
    Events shown;
    for (const std::string& event : news()) {
      const std::size_t begin = event.find("\"action\"");
      shown.push_back(event.substr(begin, event.find(",\"request\"") - begin));
    }
    return shown;
  }

  Response put(const std::string& name, const std::string& reference, const std::string& bytes) {
    return registry.ask({"PUT", "/v2/" + name + "/manifests/" + reference, {{"Content-Type", image_type}}, bytes});
  }
  std::string image(const std::string& name) {
    return R"({"schemaVersion":2,"mediaType":")" + image_type + R"(","config":{"mediaType":"c","digest":")" +
           registry.push(name, "config") + R"(","size":6},"layers":[]})";
  }

  notify::Receiver receiver;
  Registry registry;
  const std::string end = registry.push("end", "end");
  std::size_t seen = 0;

 private:
  static bool is_of_end(const std::string& request) {
    return request.find("\"repository\":\"end\"") != std::string::npos;
  }
};

std::string digest_of(std::string_view bytes) { return store::sha256(bytes).str(); }

// An event of content that can be pulled at `path`; `more` stands behind it.
std::string target(const std::string& action, const std::string& type, std::string_view bytes, const std::string& name,
                   const std::string& from, const std::string& kind, const std::string& more = "") {
  const std::string size = std::to_string(bytes.size());
  return R"("action":")" + action + R"(","target":{"mediaType":")" + type + R"(","size":)" + size + R"(,"digest":")" +
         digest_of(bytes) + R"(","length":)" + size + R"(,"repository":")" + name + '"' +
         (from.empty() ? "" : R"(,"fromRepository":")" + from + '"') + R"(,"url":"https://registry.example:5043/v2/)" +
         name + '/' + kind + '/' + digest_of(bytes) + '"' + more + '}';
}
std::string blob(const std::string& action, std::string_view bytes, const std::string& name,
                 const std::string& from = "") {
  return target(action, octets, bytes, name, from, "blobs");
}
std::string manifest(const std::string& action, std::string_view bytes, const std::string& tag,
                     const std::string& more = "") {
  return target(action, image_type, bytes, "a", "", "manifests", (tag.empty() ? "" : R"(,"tag":")" + tag + '"') + more);
}
std::string removed(const std::string& digest_or_tag) {
  const bool digest = digest_or_tag.starts_with("sha256:");
  return digest ? R"("action":"delete","target":{"digest":")" + digest_or_tag + R"(","repository":"a"})"
                : R"("action":"delete","target":{"repository":"a","tag":")" + digest_or_tag + R"("})";
}

}  // namespace

TEST_CASE("an event says what was done, by whom, with what and from where") {
  Announcing a;
  a.registry.user = "jane";
  a.registry.ask({"POST", "/v2/a/blobs/uploads/?digest=" + digest_of("hello"), {{"User-Agent", "docker/1"}}, "hello"});
  const Events news = a.news();
  REQUIRE(news.size() == 1);
  const std::string shown =
      std::regex_replace(std::regex_replace(news[0], std::regex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
                         std::regex(R"("timestamp":"[^"]*")"), R"("timestamp":"T")");
  CHECK(shown == R"({"id":"UUID","timestamp":"T",)" + blob("push", "hello", "a") +
                     R"(,"request":{"id":"UUID","addr":"192.0.2.1:40000","host":"registry.example:5043",)"
                     R"("method":"POST","useragent":"docker/1"},"actor":{"name":"jane"},)"
                     R"("source":{"addr":"host:5000","instanceID":"UUID"}})");
}

TEST_CASE("blobs: a push, a mount, a pull, a look and a deletion are told in their order") {
  Announcing a;
  const std::string digest = a.registry.push("a", "hello");
  CHECK(a.registry.ask({"POST", "/v2/b/blobs/uploads/?mount=" + digest + "&from=a"}).status == 201);
  CHECK(a.registry.get("/v2/b/blobs/" + digest).status == 200);
  CHECK(a.registry.ask({"HEAD", "/v2/b/blobs/" + digest}).status == 200);
  CHECK(a.registry.ask({"DELETE", "/v2/a/blobs/" + digest}).status == 202);
  CHECK(a.targets() == Events{blob("push", "hello", "a"), blob("mount", "hello", "b", "a"), blob("pull", "hello", "b"),
                              blob("pull", "hello", "b"), removed(digest)});
}

TEST_CASE("an upload is told when it has become a blob, not before") {
  Announcing a;
  const std::string upload = a.registry.begin("a");
  CHECK(a.registry.ask({"PATCH", upload, {}, "hel"}).status == 202);
  CHECK(a.registry.get(upload).status == 204);
  CHECK(a.targets().empty());
  CHECK(a.registry.ask({"PUT", upload + "?digest=" + digest_of("hello"), {}, "lo"}).status == 201);
  CHECK(a.targets() == Events{blob("push", "hello", "a")});
}

TEST_CASE("manifests: pushes and pulls are told with the tag that they were asked by") {
  Announcing a;
  const std::string image = a.image("a");
  const std::string digest = digest_of(image);
  a.news();
  CHECK(a.put("a", "v1", image).status == 201);
  CHECK(a.put("a", digest, image).status == 201);
  CHECK(a.put("a", digest + "?tag=v2&tag=v3", image).status == 201);
  CHECK(a.registry.get("/v2/a/manifests/v1").status == 200);
  CHECK(a.registry.ask({"HEAD", "/v2/a/manifests/" + digest}).status == 200);
  CHECK(a.targets() == Events{manifest("push", image, "v1"), manifest("push", image, ""), manifest("push", image, "v2"),
                              manifest("push", image, "v3"), manifest("pull", image, "v1"),
                              manifest("pull", image, "")});
}

TEST_CASE("with a manifest go its tags, and no others: each is told behind it") {
  Announcing a;
  const std::string image = a.image("a");
  const std::string other = image + ' ';
  for (const std::string tag : {"v1", "v2", "v3"}) CHECK(a.put("a", tag, image).status == 201);
  CHECK(a.put("a", "other", other).status == 201);
  a.news();
  CHECK(a.registry.ask({"DELETE", "/v2/a/manifests/v2"}).status == 202);
  CHECK(a.registry.ask({"DELETE", "/v2/a/manifests/" + digest_of(image)}).status == 202);
  CHECK(a.targets() == Events{removed("v2"), removed(digest_of(image)), removed("v1"), removed("v3")});
}

TEST_CASE("all events of one request have its id, those of another have another") {
  Announcing a;
  const std::string image = a.image("a");
  a.news();
  CHECK(a.put("a", digest_of(image) + "?tag=v1&tag=v2", image).status == 201);
  CHECK(a.registry.get("/v2/a/manifests/v1").status == 200);
  const auto id = [](const std::string& event) {
    const std::string before = R"("request":{"id":")";
    return event.substr(event.find(before) + before.size(), 36);
  };
  const Events news = a.news();
  REQUIRE(news.size() == 3);
  CHECK(id(news[0]) == id(news[1]));
  CHECK(id(news[0]) != id(news[2]));
}

TEST_CASE("what fails or changes nothing is not told") {
  Announcing a;
  const std::string image = a.image("a");
  CHECK(a.put("a", "v1", image).status == 201);
  const std::string upload = a.registry.begin("a");
  a.news();
  CHECK(a.registry.get("/v2/a/blobs/" + absent).status == 404);
  CHECK(a.registry.get("/v2/b/blobs/" + digest_of("config")).status == 404);
  CHECK(a.registry.get("/v2/a/manifests/v2").status == 404);
  CHECK(a.registry.get("/v2/a/manifests/v1", {{"If-None-Match", digest_of(image)}}).status == 304);
  CHECK(a.registry.get("/v2/a/tags/list").status == 200);
  CHECK(a.put("a", "v1", "{").status == 400);
  CHECK(a.put("a", absent, image).status == 400);
  CHECK(a.put("b", "v1", image).status == 400);  // its blobs are not there
  CHECK(a.registry.ask({"POST", "/v2/a/blobs/uploads/?digest=" + absent, {}, "hello"}).status == 400);
  CHECK(a.registry.ask({"POST", "/v2/a/blobs/uploads/?mount=" + absent + "&from=b"}).status == 202);
  CHECK(a.registry.ask({"PUT", upload + "?digest=" + absent, {}, "hello"}).status == 400);
  CHECK(a.registry.ask({"DELETE", a.registry.begin("a")}).status == 204);
  CHECK(a.registry.ask({"DELETE", "/v2/a/blobs/" + absent}).status == 404);
  CHECK(a.registry.ask({"DELETE", "/v2/a/manifests/v2"}).status == 404);
  CHECK(a.registry.ask({"DELETE", "/v2/a/manifests/" + absent}).status == 404);
  CHECK(a.news() == Events{});
}

TEST_CASE("who wants to know what a manifest refers to is told") {
  ApiSettings settings;
  settings.notifications.references = true;
  Announcing a(std::move(settings));
  const std::string image = a.image("a");
  a.news();
  CHECK(a.put("a", "v1", image).status == 201);
  CHECK(a.targets() ==
        Events{manifest("push", image, "v1",
                        R"(,"references":[{"mediaType":"c","size":6,"digest":")" + digest_of("config") + "\"}]")});
}

TEST_CASE("behind proxies the client is whom they name, where they are believed") {
  const auto address = [](bool forwarded, http::Headers headers) {
    Announcing a({.forwarded = forwarded});
    const std::string digest = a.registry.push("a", "hello");
    a.news();
    a.registry.get("/v2/a/blobs/" + digest, std::move(headers));
    const std::string event = a.news().at(0);
    const std::string before = R"("addr":")";
    const std::size_t begin = event.find(before) + before.size();
    return event.substr(begin, event.find('"', begin) - begin);
  };
  const http::Headers both = {{"X-Forwarded-For", "198.51.100.7, 10.0.0.1"}, {"X-Real-Ip", "198.51.100.8"}};
  CHECK(address(true, both) == "198.51.100.7");
  CHECK(address(false, both) == "192.0.2.1:40000");
  CHECK(address(true, {{"X-Forwarded-For", "unknown"}, {"X-Real-Ip", "2001:db8::1"}}) == "2001:db8::1");
  CHECK(address(true, {{"X-Forwarded-For", "unknown"}}) == "192.0.2.1:40000");
}

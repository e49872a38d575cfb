#include "registry/notify/event.h"

#include <doctest/doctest.h>

#include <regex>
#include <set>

#include "registry/notify/endpoint.h"
#include "registry/notify/module.h"
#include "unit/rules/loaded.h"

using namespace caisson;
using namespace caisson::registry::notify;

namespace {

// Without what is new each time.
std::string shown(const Event& event) {
  std::string text = to_json(event, {"host:1", "i"});
  text = std::regex_replace(text, std::regex(R"("id":"[0-9a-f-]{36}")"), R"("id":"ID")",
                            std::regex_constants::format_first_only);
  return std::regex_replace(text, std::regex(R"("timestamp":"[0-9T:.-]{19,29}Z")"), R"("timestamp":"T")");
}

struct Read {
  std::string errors;
  NotifySettings settings;
};
Read read(const std::string& directives) {
  const rules_test::Loaded loaded({&describe}, "upstream u {" + directives + "}",
                                  {.files = {{"/etc/secret", "me:word\n"}, {"/etc/bad", "x"}}});
  Read made;
  made.errors = loaded.errors;
  if (loaded.settings) made.settings = loaded.http().inner().at(0)->get<NotifySettings>();
  return made;
}

}  // namespace

TEST_CASE("an event has registry:2's fields, in its order") {
  Event event;
  event.action = Action::Mount;
  event.media_type = "application/octet-stream";
  event.size = 7;
  event.digest = "sha256:0";
  event.repository = "a/b";
  event.from_repository = "c";
  event.url = "http://h/v2/";
  event.request_id = "r";
  event.address = "192.0.2.1:5";
  event.host = "h";
  event.method = "POST";
  event.user = "jane";
  CHECK(shown(event) ==
        R"({"id":"ID","timestamp":"T","action":"mount","target":{"mediaType":"application/octet-stream","size":7,)"
        R"("digest":"sha256:0","length":7,"repository":"a/b","fromRepository":"c","url":"http://h/v2/"},)"
        R"("request":{"id":"r","addr":"192.0.2.1:5","host":"h","method":"POST","useragent":""},)"
        R"("actor":{"name":"jane"},"source":{"addr":"host:1","instanceID":"i"}})");
}

TEST_CASE("what a client sent cannot break the JSON, nor the line") {
  Event event;
  event.user_agent = "a\"\\\n\xff\x01";
  const std::string text = shown(event);
  CHECK(text.find('\n') == std::string::npos);
  CHECK(text.find("\"useragent\":\"a\\\"\\\\\\n\xef\xbf\xbd\\u0001\"") != std::string::npos);
}

TEST_CASE("references are the descriptors that a manifest lists, as registry:2 shows them") {
  CHECK(references_of(R"({"config":{"mediaType":"c","digest":"d1","size":1},"layers":[{"mediaType":"l","size":2,)"
                      R"("digest":"d2","urls":["u"],"annotations":{"k":"v"},"platform":{}},7]})") ==
        R"([{"mediaType":"c","size":1,"digest":"d1"},)"
        R"({"mediaType":"l","size":2,"digest":"d2","urls":["u"],"annotations":{"k":"v"}}])");
  CHECK(references_of(R"({"manifests":[{"digest":"d","platform":{}}]})") == R"([{"digest":"d"}])");
  CHECK(references_of("{}") == "");
  CHECK(references_of("no json") == "");
}

TEST_CASE("no two ids are the same") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(new_uuid());
  CHECK(ids.size() == 1000);
}

TEST_CASE("a receiver is told what it does not ignore") {
  EndpointSettings settings;
  settings.ignored_media_types = {"a/b"};
  settings.ignored_actions = {"pull"};
  Event event;
  event.action = Action::Push;
  CHECK(settings.wants(event));
  event.media_type = "a/b";
  CHECK_FALSE(settings.wants(event));
  event.media_type = "a/c";
  CHECK(settings.wants(event));
  event.action = Action::Pull;
  CHECK_FALSE(settings.wants(event));
}

TEST_CASE("the directives of a receiver are read, and refused with their line and without their secrets") {
  const Read read_all = read(
      "registry_notify n https://h/e timeout=2s threshold=3 backoff=500ms header=X:a header=Y:b credentials=secret "
      "ignore_type=t ignore_action=pull queue=1m; registry_notify o http://h/; registry_notify_references on; "
      "registry_notify_source :5000;");
  CHECK(read_all.errors == "");
  REQUIRE(read_all.settings.endpoints.size() == 2);
  const EndpointSettings& endpoint = read_all.settings.endpoints[0];
  CHECK(endpoint.timeout == std::chrono::seconds(2));
  CHECK(endpoint.threshold == 3);
  CHECK(endpoint.backoff == std::chrono::milliseconds(500));
  CHECK(endpoint.headers == std::vector<std::string>{"X:a", "Y:b"});
  CHECK(endpoint.credentials->get() == "me:word");
  CHECK(endpoint.ignored_media_types == std::vector<std::string>{"t"});
  CHECK(endpoint.ignored_actions == std::vector<std::string>{"pull"});
  CHECK(endpoint.queue_bytes == 1U << 20U);
  CHECK(read_all.settings.complete().references);

  const auto invalid = [](const std::string& name) {
    return "\"registry_notify\" directive has an invalid parameter \"" + name + "\" in /etc/test.conf:2\n";
  };
  for (const char* const bad : {"timeout=0", "threshold=0", "backoff=x", "header=SECRET", "header=:x", "queue=0",
                                "credentials=bad", "what=SECRET", "nothing"}) {
    CAPTURE(bad);
    const std::string text = bad;
    CHECK(read("registry_notify n http://h/ " + text + ";").errors == invalid(text.substr(0, text.find('='))));
  }
  CHECK(read("registry_notify n ftp://h/;").errors != "");
  CHECK(read("registry_notify n http://h/; registry_notify n http://i/;").errors != "");
  CHECK(read("registry_notify n http://h/ credentials=none;").errors.find("cannot read its file") != std::string::npos);
}

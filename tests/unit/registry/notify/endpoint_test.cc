#include "registry/notify/endpoint.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "registry/notify/notifier.h"
#include "unit/registry/notify/receiver.h"
#include "unit/temporary_folder.h"

using namespace caisson;
using namespace caisson::registry::notify;

namespace {

auto at_least(std::size_t count) {
  return [count](const std::vector<std::string>& requests) { return requests.size() >= count; };
}

}  // namespace

TEST_CASE("an event is posted in an envelope, with the headers and the credentials of the moment") {
  Receiver receiver;
  EndpointSettings settings = settings_for(receiver);
  settings.headers = {"X-One: 1"};
  settings.credentials = std::make_shared<SharedSecret>();
  settings.credentials->set("me:old\n");
  Endpoint endpoint(settings, "", {});
  endpoint.publish(R"({"id":1})");
  const std::string first = receiver.wait(at_least(1)).front();
  CHECK(first.starts_with("POST / HTTP/1.1\r\n"));
  CHECK(first.find("\r\nX-One: 1\r\n") != std::string::npos);
  CHECK(first.find("\r\nContent-Type: application/vnd.docker.distribution.events.v1+json\r\n") != std::string::npos);
  CHECK(first.find("\r\nAuthorization: Basic bWU6b2xk\r\n") != std::string::npos);
  CHECK(first.ends_with("\r\n\r\n{\"events\":[{\"id\":1}]}"));
  settings.credentials->set("me:new");
  endpoint.publish(R"({"id":2})");
  CHECK(receiver.wait(at_least(2)).back().find("\r\nAuthorization: Basic bWU6bmV3\r\n") != std::string::npos);
}

TEST_CASE("what a receiver refuses is posted again until it takes it, in order; all of it is counted") {
  Receiver receiver;
  receiver.answer("503 Busy");
  Endpoint endpoint(settings_for(receiver), "", {});
  for (const char* event : {"1", "2", "3"}) endpoint.publish(event);
  receiver.wait(at_least(5));
  receiver.answer("302 Found");  // as good as 2xx, for registry:2
  const auto requests = receiver.wait([](const auto& all) { return all.back().ends_with("[3]}"); });
  std::string order;
  for (const std::string& request : requests) {
    const char event = request[request.size() - 3];
    if (order.empty() || order.back() != event) order += event;
  }
  CHECK(order == "123");
  const Endpoint::Numbers numbers = [&] {
    auto now = endpoint.numbers();
    while (now.pending > 0) {
      std::this_thread::yield();
      now = endpoint.numbers();
    }
    return now;
  }();
  CHECK(numbers.events == 3);
  CHECK(numbers.successes == 3);
  CHECK(numbers.failures == requests.size() - 3);
  CHECK(numbers.statuses.at(503) == numbers.failures);
  CHECK(numbers.statuses.at(302) == 3);
}

TEST_CASE("its end does not wait for a receiver, and leaves what waits to the next one") {
  TemporaryFolder folder;
  EndpointSettings nowhere;
  nowhere.name = "it";
  nowhere.url = "http://127.0.0.1:1/";
  nowhere.backoff = std::chrono::hours(1);
  {
    Endpoint endpoint(nowhere, folder.path("it"), {});
    endpoint.publish("1");
    endpoint.publish("2");
  }
  Receiver receiver;
  EndpointSettings settings = settings_for(receiver);
  Endpoint endpoint(settings, folder.path("it"), {});
  CHECK(receiver.wait(at_least(2)).back().ends_with("[2]}"));
}

TEST_CASE("any number of threads publish, and every event arrives") {
  Receiver receiver;
  TemporaryFolder folder;
  Settings settings;
  settings.endpoints = {settings_for(receiver)};
  settings.source = ":5000";
  Notifier notifier(settings, folder.path("queues"), {});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&notifier] {
        for (int i = 0; i < 25; ++i) notifier.publish(Event{});
      });
    }
  }
  receiver.wait(at_least(100));
  observe::Exposition text;
  notifier.write(text);
  CHECK(text.text().find("registry_notifications_events_total{endpoint=\"it\",type=\"Events\"} 100\n") !=
        std::string::npos);
  CHECK(text.text().find("registry_notifications_events_total{endpoint=\"it\",type=\"Dropped\"} 0\n") !=
        std::string::npos);
}

#include "monitor/health.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "base/handle.h"
#include "unit/temporary_folder.h"

using namespace caisson;
using namespace caisson::monitor;
using std::chrono::milliseconds;

namespace {

// A probe that a test answers, one probe at a time.
struct Script {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::optional<std::string>> answers;
  std::size_t asked = 0;

  Probe probe() {
    return [this](const std::stop_token& stop) -> std::optional<std::string> {
      std::unique_lock lock(mutex);
      while (answers.empty() && !stop.stop_requested()) changed.wait_for(lock, milliseconds(5));
      if (stop.stop_requested()) return std::nullopt;
      auto answer = answers.front();
      answers.erase(answers.begin());
      ++asked;
      changed.notify_all();
      return answer;
    };
  }
  // Gives the answers and waits until the check has come back for more, so that all of them count.
  void give(std::vector<std::optional<std::string>> more) {
    std::unique_lock lock(mutex);
    answers.insert(answers.end(), more.begin(), more.end());
    changed.notify_all();
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return answers.empty(); }));
  }
};

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

// Takes one connection on a port of its own and answers it.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket_.get(), 5) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    served_ = std::async(std::launch::async, [this, answer = std::move(answer)] {
      const Fd client(::accept(socket_.get(), nullptr, nullptr));
      std::string request;
      char byte = 0;
      while (!request.ends_with("\r\n\r\n") && ::read(client.get(), &byte, 1) == 1) request += byte;
      (void)!::write(client.get(), answer.data(), answer.size());
      return request;
    });
  }
  std::string request() { return served_.get(); }

  std::uint16_t port = 0;

 private:
  Fd socket_;
  std::future<std::string> served_;
};

}  // namespace

TEST_CASE("a check counts as failed only after its threshold of failures in a row, and is well at once") {
  Script script;
  Health health;
  health.add({"a", script.probe(), milliseconds(1), 3});
  health.start();
  const std::optional<std::string> bad = "broken";
  script.give({bad, bad, std::nullopt, bad, bad, std::nullopt});
  CHECK(health.good());
  script.give({bad, bad, bad});
  CHECK(eventually([&] { return !health.good(); }));
  CHECK(health.failures() == std::map<std::string, std::string>{{"a", "broken"}});
  script.give({std::nullopt});
  CHECK(eventually([&] { return health.good(); }));
  CHECK(health.failures().empty());
}

TEST_CASE("checks end when nobody wants to know any more, however long their interval") {
  const auto began = std::chrono::steady_clock::now();
  {
    Health health;
    health.add({"a", [](const std::stop_token&) { return std::optional<std::string>("x"); }, std::chrono::hours(1), 1});
    health.start();
    CHECK(eventually([&] { return !health.good(); }));
  }
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
}

TEST_CASE("folders must be there, files that take a server out of service must not") {
  const TemporaryFolder temporary;
  const std::string folder = temporary.path();
  CHECK_FALSE(folder_is_there(folder)({}));
  CHECK(folder_is_there(folder + "/none")({}) == "No such file or directory");
  CHECK_FALSE(no_file(folder + "/down")({}));
  std::ofstream(folder + "/down").put('x');
  CHECK(no_file(folder + "/down")({}) == "file exists");
  CHECK(folder_is_there(folder + "/down")({}) == "Not a directory");
}

TEST_CASE("an HTTP probe sends HEAD with its headers, and wants its status") {
  OneAnswer good("HTTP/1.1 204 No Content\r\n\r\n");
  HttpProbe what;
  what.url = "http://127.0.0.1:" + std::to_string(good.port) + "/x";
  what.status = 204;
  what.headers = {"X-Probe: yes"};
  CHECK_FALSE(http_answers(what)({}));
  const std::string request = good.request();
  CHECK(request.starts_with("HEAD /x HTTP/1.1\r\n"));
  CHECK(request.find("X-Probe: yes\r\n") != std::string::npos);

  OneAnswer bad("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  what.url = "http://127.0.0.1:" + std::to_string(bad.port) + "/";
  CHECK(http_answers(what)({}) == "downstream service returned unexpected status: 500");
  what.url = "http://127.0.0.1:1/";
  CHECK(http_answers(what)({})->starts_with("error while checking: http://127.0.0.1:1/: "));
}

TEST_CASE("a TCP probe wants a connection") {
  OneAnswer there("");
  const std::string address = "127.0.0.1:" + std::to_string(there.port);
  CHECK_FALSE(tcp_connects(address, milliseconds(5000))({}));
  CHECK(tcp_connects("127.0.0.1:1", milliseconds(5000))({}) == "connection to 127.0.0.1:1 failed");
}

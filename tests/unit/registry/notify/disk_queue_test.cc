#include "registry/notify/disk_queue.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "unit/temporary_folder.h"

using namespace caisson::registry::notify;
namespace fs = std::filesystem;

namespace {

constexpr DiskQueue::Limits small{.bytes = 4000, .segment = 1000};

std::unique_ptr<DiskQueue> create(const TemporaryFolder& folder, DiskQueue::Limits limits = {}) {
  auto made = DiskQueue::create(folder.path("queue"), limits);
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().what));
  return std::move(made).value();
}

std::vector<std::unique_ptr<DiskQueue>> inherit(const TemporaryFolder& folder, DiskQueue::Limits limits = {}) {
  return DiskQueue::inherit(folder.path("queue"), limits);
}

// All that is in it, delivered.
std::string all_of(Queue& queue) {
  std::string all;
  while (const auto front = queue.front()) {
    all += front->event + ' ';
    queue.pop(front->number);
  }
  return all;
}

std::size_t folders(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder.path("queue")), {}));
}

// The one file of events in the one folder.
fs::path segment_of(const TemporaryFolder& folder) {
  return fs::directory_iterator(folder.path("queue"))->path() / "0000000001";
}

}  // namespace

TEST_CASE("events come out in their order, and stay until they are delivered") {
  TemporaryFolder folder;
  const auto queue = create(folder);
  CHECK_FALSE(queue->front());
  CHECK(queue->append("a"));
  CHECK(queue->append("b"));
  CHECK(queue->pending() == 2);
  CHECK(queue->front()->event == "a");
  CHECK(queue->front()->event == "a");
  queue->pop(queue->front()->number);
  CHECK(queue->front()->event == "b");
  CHECK(queue->append("c"));
  CHECK(all_of(*queue) == "b c ");
  CHECK(queue->pending() == 0);
}

TEST_CASE("what is pending at the end goes to whoever inherits, and nothing is left when nothing is") {
  TemporaryFolder folder;
  {
    const auto queue = create(folder);
    for (const char* event : {"a", "b", "c"}) queue->append(event);
    queue->pop(queue->front()->number);
    CHECK(inherit(folder).empty());  // it lives
  }
  auto inherited = inherit(folder);
  REQUIRE(inherited.size() == 1);
  CHECK(inherit(folder).empty());  // somebody has it
  CHECK(inherited[0]->pending() == 2);
  CHECK(all_of(*inherited[0]) == "b c ");
  inherited.clear();
  CHECK(folders(folder) == 0);
  create(folder);
  CHECK(folders(folder) == 0);
}

TEST_CASE("a process that is killed leaves all that it appended") {
  TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto queue = DiskQueue::create(folder.path("queue"), {});
    for (int i = 0; i < 1000; ++i) queue.value()->append(std::to_string(i));
    for (int i = 0; i < 10; ++i) queue.value()->pop(queue.value()->front()->number);
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  const auto inherited = inherit(folder);
  REQUIRE(inherited.size() == 1);
  CHECK(inherited[0]->pending() == 990);
  CHECK(inherited[0]->front()->event == "10");
}

TEST_CASE("a line that was being written at the end does not count, and a note that makes no sense does no harm") {
  TemporaryFolder folder;
  {
    const auto queue = create(folder);
    queue->append("whole");
  }
  std::ofstream(segment_of(folder), std::ios::app) << "half a li";
  std::ofstream(segment_of(folder).parent_path() / "delivered") << "xy";
  auto inherited = inherit(folder);
  REQUIRE(inherited.size() == 1);
  CHECK(all_of(*inherited[0]) == "whole ");
}

TEST_CASE("when the queue is full the oldest events go, and are counted") {
  TemporaryFolder folder;
  const auto queue = create(folder, small);
  const std::string event(99, 'x');
  for (int i = 0; i < 100; ++i) CHECK(queue->append(std::to_string(i) + event));
  CHECK(queue->dropped() > 0);
  CHECK(queue->pending() + queue->dropped() == 100);
  CHECK(queue->pending() >= 30);
  CHECK(queue->front()->event == std::to_string(queue->dropped()) + event);
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path("queue"))) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  CHECK(bytes <= small.bytes + small.segment);
}

TEST_CASE("the delivery of an event that went meanwhile takes no other with it") {
  TemporaryFolder folder;
  const auto queue = create(folder, small);
  queue->append("first");
  const auto front = queue->front();
  for (int i = 0; i < 100; ++i) queue->append(std::to_string(i) + std::string(99, 'x'));
  const auto pending = queue->pending();
  REQUIRE(queue->front()->number > front->number);
  queue->pop(front->number);
  CHECK(queue->pending() == pending);
}

TEST_CASE("files that are delivered go") {
  TemporaryFolder folder;
  const auto queue = create(folder, small);
  for (int round = 0; round < 50; ++round) {
    queue->append(std::string(200, 'x'));
    queue->append(std::string(200, 'y'));
    CHECK(all_of(*queue).size() == 402);
  }
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path("queue"))) files += entry.is_regular_file();
  CHECK(files <= 3);  // the lock, the note, and a file of events
  CHECK(queue->dropped() == 0);
}

TEST_CASE("on a disk that is full an event is dropped whole, and counted") {
  TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{150, 150};  // stands for the disk's end: a write stops in the middle, the next one fails
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto queue = DiskQueue::create(folder.path("queue"), {});
    const bool first = queue.value()->append(std::string(99, 'a'));
    const bool second = queue.value()->append(std::string(99, 'b'));
    const bool third = queue.value()->append(std::string(9, 'c'));
    const bool right = first && !second && third && queue.value()->dropped() == 1 && queue.value()->pending() == 2;
    ::_exit(right ? 0 : 1);  // without a word to the queue
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  auto inherited = inherit(folder);
  REQUIRE(inherited.size() == 1);
  CHECK(all_of(*inherited[0]) == std::string(99, 'a') + ' ' + std::string(9, 'c') + ' ');
}

TEST_CASE("a folder that cannot be made is an error") {
  TemporaryFolder folder;
  std::ofstream(folder.path("file")) << "x";
  CHECK_FALSE(DiskQueue::create(folder.path("file/queue"), {}).ok());
  CHECK(inherit(folder).empty());
}

TEST_CASE("in memory the oldest events go, too, when there is no room") {
  MemoryQueue queue(10);
  CHECK(queue.append("aaaa"));
  CHECK(queue.append("bbbb"));
  const auto front = queue.front();
  CHECK(queue.append("cccc"));
  CHECK(queue.dropped() == 1);
  queue.pop(front->number);
  CHECK(all_of(queue) == "bbbb cccc ");
}

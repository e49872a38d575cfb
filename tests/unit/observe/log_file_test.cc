#include "observe/log_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <atomic>
#include <thread>

#include "unit/temporary_folder.h"

using namespace caisson;
using namespace caisson::observe;

TEST_CASE("after a reopen lines go to the new file, those before stay in the one that was moved away") {
  const TemporaryFolder folder;
  auto log = LogFile::open(folder.path("a.log")).value();
  log->write("one\n");
  std::filesystem::rename(folder.path("a.log"), folder.path("a.log.1"));
  log->write("two\n");
  REQUIRE(log->reopen().ok());
  log->write("three\n");
  CHECK(folder.text("a.log.1") == "one\ntwo\n");
  CHECK(folder.text("a.log") == "three\n");
}

TEST_CASE("no line is lost or torn while the log is reopened under the writers") {
  const TemporaryFolder folder;
  auto log = LogFile::open(folder.path("a.log")).value();
  constexpr int writers = 3;
  constexpr int lines_each = 2000;
  std::atomic<int> running = writers;
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < lines_each; ++n) log->write("0123456789abcdef0123456789abcdef\n");
      --running;
    });
  }
  int rotations = 0;
  do {
    std::filesystem::rename(folder.path("a.log"), folder.path("a.log." + std::to_string(++rotations)));
    REQUIRE(log->reopen().ok());
  } while (running > 0);
  for (std::thread& thread : threads) thread.join();

  std::string all = folder.text("a.log");
  for (int i = 1; i <= rotations; ++i) all += folder.text("a.log." + std::to_string(i));
  std::istringstream lines(all);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) REQUIRE(line == "0123456789abcdef0123456789abcdef");
  CHECK(count == writers * lines_each);
}

TEST_CASE("a log that cannot be reopened goes on where it was and says why") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("logs"));
  auto log = LogFile::open(folder.path("logs/a.log")).value();
  std::filesystem::rename(folder.path("logs"), folder.path("old"));
  Result<void> reopened = log->reopen();
  REQUIRE_FALSE(reopened.ok());
  CHECK(reopened.error().what == "open() \"" + folder.path("logs/a.log") + "\" failed (2: No such file or directory)");
  log->write("still here\n");
  CHECK(folder.text("old/a.log") == "still here\n");
}

TEST_CASE("two writers on one file append instead of overwriting each other") {
  const TemporaryFolder folder;
  auto one = LogFile::open(folder.path("a.log")).value();
  auto two = LogFile::open(folder.path("a.log")).value();
  one->write("a\n");
  two->write("b\n");
  one->write("c\n");
  CHECK(folder.text("a.log") == "a\nb\nc\n");
}

TEST_CASE("a path is opened once however often it is named, and all are reopened together") {
  const TemporaryFolder folder;
  LogFiles files;
  auto first = files.open(folder.path("a.log")).value();
  CHECK(files.open(folder.path("a.log")).value() == first);
  CHECK_FALSE(files.open(folder.path("none/a.log")).ok());
  std::filesystem::rename(folder.path("a.log"), folder.path("moved"));
  CHECK(files.reopen().empty());
  first->write("x\n");
  CHECK(folder.text("a.log") == "x\n");
}

TEST_CASE("another configuration takes over the open logs that it names, and only those") {
  const TemporaryFolder folder;
  LogFiles before;
  auto kept = before.open(folder.path("kept.log")).value();
  auto dropped = before.open(folder.path("dropped.log")).value();
  LogFiles after(before);
  CHECK(after.open(folder.path("kept.log")).value() == kept);
  CHECK(after.all().size() == 1);
}

TEST_CASE("a log that was opened elsewhere is found under its path, without opening it") {
  const TemporaryFolder folder;
  LogFiles files;
  files.adopt("/no/such/folder/a.log",
              Fd(::open(folder.path("real.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)));
  auto log = files.open("/no/such/folder/a.log");
  REQUIRE(log.ok());
  log.value()->write("x\n");
  CHECK(folder.text("real.log") == "x\n");
  REQUIRE(log.value()
              ->replace(Fd(::open(folder.path("next.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)))
              .ok());
  log.value()->write("y\n");
  CHECK(folder.text("next.log") == "y\n");
}

TEST_CASE("a reopen writes what is buffered to the file that is being left") {
  const TemporaryFolder folder;
  auto log = LogFile::open(folder.path("a.log")).value();
  LineWriter writer(log, 1024);
  writer.write("before");
  std::filesystem::rename(folder.path("a.log"), folder.path("moved"));
  REQUIRE(log->reopen().ok());
  writer.write("after");
  writer.flush();
  CHECK(folder.text("moved") == "before\n");
  CHECK(folder.text("a.log") == "after\n");
}

TEST_CASE("without a buffer a line is written at once") {
  const TemporaryFolder folder;
  LineWriter writer(LogFile::open(folder.path("a.log")).value());
  writer.write("one");
  CHECK(folder.text("a.log") == "one\n");
}

TEST_CASE("a buffered line waits until the buffer is full, is flushed, or its writer ends") {
  const TemporaryFolder folder;
  {
    LineWriter writer(LogFile::open(folder.path("a.log")).value(), 8);
    writer.write("123");
    writer.write("456");
    CHECK(folder.text("a.log") == "");
    writer.write("7");
    CHECK(folder.text("a.log") == "123\n456\n");
    writer.flush();
    CHECK(folder.text("a.log") == "123\n456\n7\n");
    writer.write("8");
    writer.write("longer than the buffer");
    CHECK(folder.text("a.log") == "123\n456\n7\n8\nlonger than the buffer\n");
    writer.write("9");
  }
  CHECK(folder.text("a.log") == "123\n456\n7\n8\nlonger than the buffer\n9\n");
}

TEST_CASE("a buffered line waits no longer than it may") {
  using namespace std::chrono_literals;
  const TemporaryFolder folder;
  LogFiles logs;
  const auto now = std::chrono::steady_clock::now();
  CHECK_FALSE(logs.flush_due(now).has_value());
  const auto file = logs.open(folder.path("a.log")).value();
  LineWriter writer(file, 1024, 1h);
  const LineWriter patient(file, 1024);
  CHECK(logs.flush_due(now) == now + 1h);
  writer.write("1");
  const auto due = logs.flush_due(now);
  REQUIRE(due.has_value());
  CHECK(folder.text("a.log") == "");
  CHECK(logs.flush_due(*due) == *due + 1h);
  CHECK(folder.text("a.log") == "1\n");
}

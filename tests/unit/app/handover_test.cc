#include "app/handover.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace caisson;
using namespace caisson::app;

namespace {

// Whether two descriptors are the same file.
bool same_file(int a, int b) {
  struct stat one {};
  struct stat other {};
  return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

Fd new_pipe() {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[1]);
  return Fd(ends[0]);
}

}  // namespace

TEST_CASE("a handover arrives as it was sent, bytes and descriptors") {
  auto [master, worker] = make_channel().value();
  Invocation invocation;
  invocation.program = "nginx";
  invocation.prefix = "/srv/";
  invocation.conf = "/srv/a.conf";
  invocation.directives = "daemon off;";
  invocation.error_log = "/srv/e.log";
  WorkerRights rights;
  rights.identity = Identity{"nobody", 65534, 65533};
  rights.descriptors = 1024;
  const config::Files files{
      {"/srv/a.conf", "http {}\n"}, {"/srv/key", std::string("\0:12:\xff", 6)}, {"/srv/empty", ""}};
  const Fd listener = new_pipe();
  const Fd log = new_pipe();
  REQUIRE(
      send_handover(master.get(),
                    {invocation, rights, true, files, {{"0.0.0.0:80", listener.get()}}, {{"/srv/e.log", log.get()}}})
          .ok());

  Result<Handover> received = receive_handover(worker.get());
  REQUIRE(received.ok());
  const Handover& handover = received.value();
  CHECK(handover.invocation.program == "nginx");
  CHECK(handover.invocation.prefix == "/srv/");
  CHECK(handover.invocation.conf == "/srv/a.conf");
  CHECK(handover.invocation.directives == "daemon off;");
  CHECK(handover.invocation.error_log == "/srv/e.log");
  REQUIRE(handover.rights.identity.has_value());
  CHECK(handover.rights.identity->user == "nobody");
  CHECK(handover.rights.identity->uid == 65534);
  CHECK(handover.rights.identity->gid == 65533);
  CHECK(handover.rights.descriptors == 1024);
  CHECK(handover.check_only);
  CHECK(handover.files == files);
  REQUIRE(handover.listeners.size() == 1);
  CHECK(handover.listeners[0].name == "0.0.0.0:80");
  CHECK(same_file(handover.listeners[0].fd.get(), listener.get()));
  REQUIRE(handover.logs.size() == 1);
  CHECK(handover.logs[0].name == "/srv/e.log");
  CHECK(same_file(handover.logs[0].fd.get(), log.get()));
}

TEST_CASE("more descriptors than one message holds, and megabytes of text, need nobody who reads meanwhile") {
  auto [master, worker] = make_channel().value();
  const config::Files files{{"/big", std::string(8 * 1024 * 1024, 'x')}};
  const Fd one = new_pipe();
  std::vector<NamedDescriptor> listeners;
  for (int i = 0; i < 600; ++i) listeners.push_back({std::to_string(i), one.get()});
  REQUIRE(send_handover(master.get(), {{}, {}, false, files, listeners, {}}).ok());
  Result<Handover> received = receive_handover(worker.get());
  REQUIRE(received.ok());
  CHECK(received.value().files == files);
  REQUIRE(received.value().listeners.size() == 600);
  CHECK(received.value().listeners.back().name == "599");
  CHECK(same_file(received.value().listeners.back().fd.get(), one.get()));
}

TEST_CASE("a handover that is cut off or garbled is refused") {
  SUBCASE("the master goes away") {
    auto [master, worker] = make_channel().value();
    master.reset();
    CHECK(receive_handover(worker.get()).error().what == "the master went away before it had handed over");
  }
  SUBCASE("something else comes first") {
    auto [master, worker] = make_channel().value();
    REQUIRE(send_message(master.get(), worker_ready, "").ok());
    CHECK_FALSE(receive_handover(worker.get()).ok());
  }
  SUBCASE("the memory file is not one of ours") {
    auto [master, worker] = make_channel().value();
    const Fd strange(::memfd_create("strange", MFD_CLOEXEC));
    REQUIRE(::write(strange.get(), "5:hello99:x", 11) == 11);
    const int descriptor = strange.get();
    REQUIRE(send_message(master.get(), handover_begins, "1", {&descriptor, 1}).ok());
    CHECK_FALSE(receive_handover(worker.get()).ok());
  }
}

TEST_CASE("messages keep their borders, and an end that closes is seen after them") {
  auto [master, worker] = make_channel().value();
  CHECK(receive_message(master.get(), false).error().code == ErrorCode::Busy);
  REQUIRE(send_message(worker.get(), worker_failed, "one\ntwo").ok());
  REQUIRE(send_message(worker.get(), worker_ready, "").ok());
  worker.reset();
  const Message first = *receive_message(master.get(), false).value();
  CHECK(first.kind == worker_failed);
  CHECK(first.text == "one\ntwo");
  CHECK(receive_message(master.get(), false).value()->kind == worker_ready);
  CHECK_FALSE(receive_message(master.get(), false).value().has_value());
  CHECK_FALSE(send_message(master.get(), log_reopened, "x").ok());
}

TEST_CASE("changed files arrive as they were sent") {
  auto [master, worker] = make_channel().value();
  const config::Files files{{"/etc/domain.crt", "one\ntwo"}, {"/etc/empty", ""}};
  REQUIRE(send_files(master.get(), files).ok());
  const auto message = receive_message(worker.get(), false).value();
  REQUIRE(message);
  CHECK(message->kind == files_changed);
  CHECK(files_in(*message).value() == files);
}

#include "integration/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace integration {

namespace {

using caisson::Fd;
using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): one thread
}

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  return all.str();
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int connect_to(const Fd& socket, std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

// Waits for an event on one descriptor; false after the limit.
bool wait_for(int fd, short events, std::chrono::milliseconds limit) {
  pollfd waited{fd, events, 0};
  const auto give_up_at = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up_at - Clock::now()).count();
    if (left < 0) return false;
    const int n = ::poll(&waited, 1, static_cast<int>(left));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) fail("poll");
  }
}

}  // namespace

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto give_up_at = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= give_up_at) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "caisson-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail("mkdtemp");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(std::string_view name, std::string_view text) const {
  const std::string whole = path(name);
  std::ofstream(whole + ".new", std::ios::binary) << text;
  std::filesystem::rename(whole + ".new", whole);
  return whole;
}

std::string TemporaryFolder::read(std::string_view name) const { return text_of(path_ / name); }

bool contains(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

bool is_root() { return ::geteuid() == 0; }

std::uint16_t free_port() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail("bind");
  }
  return ntohs(address.sin_port);
}

Process::Process(std::vector<std::string> argv, const std::vector<std::string>& environment) {
  std::vector<char*> arguments;
  for (std::string& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  std::vector<std::string> settings = environment;
  std::vector<char*> variables;
  for (std::string& setting : settings) variables.push_back(setting.data());
  for (char** at = environ; *at != nullptr; ++at) variables.push_back(*at);
  variables.push_back(nullptr);

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, folder_.path("stdout").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_addopen(&files, 2, folder_.path("stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int error = ::posix_spawn(&pid_, arguments[0], &files, nullptr, arguments.data(), variables.data());
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw std::runtime_error("cannot start " + argv[0] + ": " + std::strerror(error));
  ended_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!ended_) fail("pidfd_open");
}

Process::~Process() {
  if (status_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Process::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

std::optional<int> Process::wait(std::chrono::milliseconds limit) {
  if (!status_ && wait_for(ended_.get(), POLLIN, limit)) {
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) fail("waitpid");
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return status_;
}

std::vector<pid_t> children_of(pid_t pid) {
  const std::string process = std::to_string(pid);
  std::istringstream list(text_of("/proc/" + process + "/task/" + process + "/children"));
  std::vector<pid_t> children;
  for (pid_t child = 0; list >> child;) children.push_back(child);
  return children;
}

bool is_running(pid_t pid) {
  const std::string state = status_line(pid, "State");
  return !state.empty() && !state.starts_with('Z');
}

std::string status_line(pid_t pid, std::string_view name) {
  std::istringstream lines(text_of("/proc/" + std::to_string(pid) + "/status"));
  const std::string start = std::string(name) + ":\t";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(start)) return line.substr(start.size());
  }
  return "";
}

Connection::Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (connect_to(fd_, port) != 0) fail("connect to port " + std::to_string(port));
}

bool Connection::refused(std::uint16_t port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect_to(socket, port) != 0 && errno == ECONNREFUSED;
}

void Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!wait_for(fd_.get(), POLLOUT, patience)) throw std::runtime_error("the peer does not read");
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool Connection::read_some(std::string& into) {
  if (!wait_for(fd_.get(), POLLIN, patience)) throw std::runtime_error("no answer after: " + into);
  char block[16 * 1024];
  const ssize_t n = ::recv(fd_.get(), block, sizeof block, 0);
  if (n < 0 && errno != ECONNRESET) fail("recv");
  if (n <= 0) return false;
  into.append(block, static_cast<std::size_t>(n));
  return true;
}

std::string Connection::read_to_end() {
  std::string all;
  while (read_some(all)) {
  }
  return all;
}

std::string Connection::read_until(std::string_view mark) {
  std::string all;
  while (all.find(mark) == std::string::npos) {
    if (!read_some(all)) throw std::runtime_error("the connection ended after: " + all);
  }
  return all;
}

std::string get(std::uint16_t port, std::string_view path) {
  Connection connection(port);
  connection.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string answer = connection.read_to_end();
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

std::string binary() {
  const char* const chosen = ::getenv("CAISSON_BINARY");  // NOLINT(concurrency-mt-unsafe): one thread
  return chosen != nullptr ? chosen : CAISSON_BINARY;
}

Server::Server(std::string main, std::string http) {
  std::filesystem::create_directory(folder_.path("logs"));  // where access logs go when the configuration says nothing
  configure(http, main);
}

Server::~Server() {
  if (!master_) return;
  master_->signal(SIGTERM);
  master_->wait();
  // What a sanitizer finds in a worker shows in no answer.
  const std::string said = master_->errors();
  for (const std::string_view finding : {"Sanitizer: ", "runtime error: "}) {
    if (said.find(finding) == std::string::npos) continue;
    std::fputs(said.c_str(), stderr);
    std::abort();
  }
}

void Server::configure(std::string_view http, std::string_view main) const {
  // "off" at a level is off, whatever else stands there.
  const bool has_own_log = http.find("access_log") != std::string_view::npos;
  folder_.write("nginx.conf", "daemon off;\npid " + folder_.path("pid") + ";\nerror_log " + folder_.path("error.log") +
                                  " info;\nevents {}\n" + std::string(main) + "\nhttp {\n" +
                                  (has_own_log ? "" : "  access_log off;") + "\n" + std::string(http) + "\n}\n");
}

std::vector<std::string> Server::command() const {
  return {binary(), "-p", folder_.path(), "-c", folder_.path("nginx.conf")};
}

void Server::launch() { master_ = std::make_unique<Process>(command()); }

void Server::start() {
  launch();
  const bool decided = eventually([&] { return folder_.has("pid") || !is_running(master_->pid()); });
  if (!decided || !folder_.has("pid")) {
    throw std::runtime_error("it did not start: " + master_->errors() + log());
  }
}

pid_t Server::worker() {
  std::vector<pid_t> workers;
  eventually([&] {
    workers = children_of(master_->pid());
    return workers.size() == 1;
  });
  if (workers.size() != 1) throw std::runtime_error(std::to_string(workers.size()) + " workers instead of one");
  return workers.front();
}

int Server::call(std::vector<std::string> arguments) {
  std::vector<std::string> whole = command();
  whole.insert(whole.end(), arguments.begin(), arguments.end());
  Process process(whole);
  const std::optional<int> status = process.wait();
  said_ = process.errors();
  printed_ = process.output();
  if (!status) throw std::runtime_error("it did not end: " + said_);
  return *status;
}

bool Server::logs(std::string_view text) const {
  return eventually([&] { return log().find(text) != std::string::npos; });
}

std::string answering(std::uint16_t port, std::string_view text) {
  const std::string all(text);
  return "  server {\n    listen 127.0.0.1:" + std::to_string(port) + ";\n    server_name " + all +
         ";\n    return 200 \"" + all + "\";\n  }\n";
}

}  // namespace integration

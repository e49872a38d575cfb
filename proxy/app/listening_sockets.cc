#include "app/listening_sockets.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace caisson::app {

namespace {

constexpr std::chrono::milliseconds between_attempts{100};

bool in_use(const Error& error) { return error.what.find(std::to_string(EADDRINUSE) + ": ") != std::string::npos; }

Error at_directive(const Plan::Listener& listener, const Error& error) {
  return config::error_at(listener.at, error.what);
}

}  // namespace

void ListeningSockets::adopt(std::vector<Fd> inherited) {
  for (Fd& fd : inherited) {
    const net::Address address = net::local_address(fd.get());
    open_.emplace(address.text(), Open{address, std::move(fd)});
  }
}

std::vector<Error> ListeningSockets::open(const std::vector<Plan::Listener>& wanted,
                                          std::chrono::milliseconds patience) {
  const auto give_up_at = std::chrono::steady_clock::now() + patience;
  std::map<std::string, Open> opened;
  std::vector<Error> errors;
  for (;;) {
    errors.clear();
    bool try_again = false;
    for (const Plan::Listener& listener : wanted) {
      const std::string name = listener.address.text();
      if (open_.contains(name) || opened.contains(name)) continue;
      Result<Fd> fd = net::open_listener(listener.address, listener.options);
      if (fd.ok()) {
        opened.emplace(name, Open{listener.address, std::move(fd).value()});
      } else {
        try_again = try_again || in_use(fd.error());
        errors.push_back(at_directive(listener, fd.error()));
      }
    }
    if (errors.empty()) break;
    if (!try_again || std::chrono::steady_clock::now() >= give_up_at) return errors;
    std::this_thread::sleep_for(between_attempts);
  }
  open_.merge(opened);
  return {};
}

void ListeningSockets::keep_only(const std::vector<Plan::Listener>& wanted, bool shared) {
  std::erase_if(open_, [&](const auto& one) {
    const bool keep = std::any_of(wanted.begin(), wanted.end(),
                                  [&](const Plan::Listener& listener) { return listener.address.text() == one.first; });
    if (!keep && !shared && one.second.address.is_unix()) ::unlink(std::string(one.second.address.unix_path()).c_str());
    return !keep;
  });
}

std::vector<NamedDescriptor> ListeningSockets::of(const std::vector<Plan::Listener>& wanted) const {
  std::vector<NamedDescriptor> named;
  for (const Plan::Listener& listener : wanted) {
    const std::string name = listener.address.text();
    named.push_back({name, open_.at(name).fd.get()});
  }
  return named;
}

std::vector<int> ListeningSockets::descriptors() const {
  std::vector<int> all;
  for (const auto& [name, open] : open_) all.push_back(open.fd.get());
  return all;
}

std::vector<Error> check_listeners(const std::vector<Plan::Listener>& wanted) {
  std::vector<Error> errors;
  for (const Plan::Listener& listener : wanted) {
    if (listener.address.is_unix()) continue;  // opening it would replace that of a running server
    const Result<Fd> fd = net::open_listener(listener.address, listener.options);
    if (!fd.ok() && !in_use(fd.error())) errors.push_back(at_directive(listener, fd.error()));
  }
  return errors;
}

}  // namespace caisson::app

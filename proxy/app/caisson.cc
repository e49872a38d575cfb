#include "app/caisson.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "app/fixed_answer.h"
#include "gateway/core_directives.h"
#include "gateway/gateway.h"
#include "gateway/virtual_hosts.h"
#include "rules/request_log.h"

namespace caisson::app {

namespace {

constexpr const char* default_user = "nobody";

Result<WorkerRights> rights_of(const gateway::ProcessSettings& process, std::vector<std::string>& warnings) {
  WorkerRights rights{{}, process.worker_rlimit_nofile};
  if (::geteuid() != 0) {
    if (process.user) {
      warnings.emplace_back(
          "the \"user\" directive makes sense only if the master process runs with super-user privileges, ignored");
    }
    return rights;
  }
  Result<Identity> identity = find_identity(process.user.value_or(default_user), process.group.value_or(""));
  if (!identity.ok()) return std::move(identity).error();
  rights.identity = std::move(identity).value();
  return rights;
}

Result<std::vector<Plan::Listener>> listeners_of(const gateway::VirtualHosts& hosts) {
  std::vector<Plan::Listener> listeners;
  for (const gateway::Endpoint& endpoint : hosts.endpoints()) {
    if (!endpoint.bound) continue;
    const auto address = endpoint.address.unix_path.empty()
                             ? net::Address::from_ip(endpoint.address.host, endpoint.address.port)
                             : net::Address::from_unix_path(endpoint.address.unix_path);
    if (!address) return config::error_at(endpoint.at, "invalid address \"" + endpoint.address.str() + '"');
    net::ListenOptions options;
    if (endpoint.options.backlog) options.backlog = *endpoint.options.backlog;
    options.reuse_port = endpoint.options.reuseport;
    options.ipv6_only = endpoint.options.ipv6only;
    listeners.push_back({*address, options, endpoint.at});
  }
  return listeners;
}

// The error log of the main context: what the configuration says, or else what the command line said.
Result<observe::ErrorLog> error_log_of(const rules::Settings& settings, const Invocation& invocation,
                                       observe::LogFiles& logs) {
  if (const auto& log = settings.root.get<rules::ErrorLogSettings>().log) return *log;
  Result<std::shared_ptr<observe::LogFile>> file = logs.open(invocation.error_log);
  if (!file.ok()) return std::move(file).error();
  return observe::ErrorLog({{std::move(file).value(), observe::Level::Error, {}}});
}

const gateway::VirtualHosts* hosts_of(const rules::Settings& settings) {
  for (const auto& level : settings.root.inner()) {
    if (level->kind() == rules::Http) return &level->get<gateway::HttpBlock>().hosts;
  }
  return nullptr;
}

// The value, or the error among the others and a T that nobody will see.
template <class T>
T take(Result<T> result, std::vector<Error>& errors) {
  if (result.ok()) return std::move(result).value();
  errors.push_back(std::move(result).error());
  return T{};
}

}  // namespace

Caisson::Caisson() { gateway::describe(language_); }

Product::Loaded Caisson::load(const Invocation& invocation, config::Source& files, observe::LogFiles& logs) {
  rules::Services services;
  services.logs = &logs;
  rules::Loader loader(language_, files, {invocation.prefix, config::folder_of(invocation.conf)}, services);
  rules::Loader::Loaded from = loader.load(read_configuration(invocation, files));
  Loaded loaded{{}, std::move(from.errors), std::move(from.warnings)};
  if (!from.settings) return loaded;

  const rules::Settings& settings = *from.settings;
  const auto& process = settings.root.get<gateway::ProcessSettings>();
  Plan plan;
  plan.daemon = process.daemon.value_or(true);
  plan.master_process = process.master_process.value_or(true);
  plan.pid_path = process.pid.value_or(default_pid_path);
  plan.worker = take(rights_of(process, loaded.warnings), loaded.errors);
  plan.error_log = take(error_log_of(settings, invocation, logs), loaded.errors);
  if (const gateway::VirtualHosts* hosts = hosts_of(settings))
    plan.listeners = take(listeners_of(*hosts), loaded.errors);
  if (loaded.errors.empty()) loaded.plan = std::move(plan);
  return loaded;
}

int Caisson::serve(Serving serving) {
  config::MemorySource files(serving.files);
  rules::Services services;
  services.logs = &serving.logs;
  rules::Loader loader(language_, files, {serving.invocation.prefix, config::folder_of(serving.invocation.conf)},
                       services);
  rules::Loader::Loaded loaded = loader.load(read_configuration(serving.invocation, files));
  for (const auto& check :
       loaded.settings ? loaded.settings->start_checks : decltype(loaded.settings->start_checks)()) {
    if (Result<void> passed = check(); !passed.ok()) loaded.errors.push_back(std::move(passed).error());
  }
  if (!loaded.errors.empty()) {
    serving.control.failed(loaded.errors);
    return EXIT_FAILURE;
  }
  const gateway::VirtualHosts* const hosts = hosts_of(*loaded.settings);
  return serve_fixed_answer(serving, hosts == nullptr ? "" : hosts->hosts().front()->primary_name());
}

}  // namespace caisson::app

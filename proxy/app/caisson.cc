#include "app/caisson.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "app/build_options.h"
#include "app/certificate_watch.h"
#include "app/server.h"
#include "app/tls_hosts.h"
#include "async/pool.h"
#include "auth/basic_auth.h"
#include "auth/token/module.h"
#include "gateway/core_directives.h"
#include "gateway/gateway.h"
#include "gateway/virtual_hosts.h"
#include "limits/module.h"
#include "limits/zones.h"
#include "monitor/module.h"
#include "observe/metrics.h"
#include "registry/api/module.h"
#include "registry/notify/secret_files.h"
#include "rules/request_log.h"
#include "upstream/module.h"

namespace caisson::app {

namespace {

constexpr const char* default_user = "nobody";

// Jobs that may wait for a thread before more are turned away with 503.
constexpr std::size_t most_waiting_disk_jobs = 16'384;
constexpr std::size_t most_waiting_hashes = 256;
constexpr std::size_t most_waiting_names = 1'024;

constexpr std::uint64_t default_connections = 512;  // nginx's worker_connections
// registry:2 has no limit but its descriptors; this one is beyond what it could serve.
constexpr std::uint64_t most_connections = 131'072;

std::size_t processors() { return std::max(1U, std::thread::hardware_concurrency()); }

// Each loop stands for one of nginx's worker processes: what a configuration allows one of those, all of them together
// have in one process here.
std::size_t loops_of(const gateway::ProcessSettings& process) {
  const std::uint64_t wanted = process.worker_processes.value_or(1);
  return wanted == 0 ? processors() : wanted;
}
std::uint64_t connections_of(const gateway::ProcessSettings& process, Invocation::Face face) {
  if (face == Invocation::Face::Registry) return most_connections;
  return process.worker_connections.value_or(default_connections) * loops_of(process);
}

// How many connections fit into so many descriptors: some are left for files, without which nobody is served, and each
// client may need a second one for the backend, which it connects to after it was let in.
std::uint64_t connections_in(std::uint64_t descriptors) {
  return (descriptors - std::min(descriptors / 2, descriptors / 4 + 32)) / 2;
}

// worker_rlimit_nofile, or what the connections need as far as it may be had; none: as it is.
std::optional<std::uint64_t> descriptors_of(const gateway::ProcessSettings& process, Invocation::Face face,
                                            std::vector<std::string>& warnings) {
  const DescriptorLimits limits = descriptor_limits();
  const std::uint64_t connections = connections_of(process, face);
  std::optional<std::uint64_t> number = process.worker_rlimit_nofile;
  if (number) {
    // As nginx, which complains and goes on with as many as there are.
    if (Result<void> allowed = may_have_descriptors(*number); !allowed.ok()) {
      warnings.push_back(allowed.error().what);
      number.reset();
    } else if (const std::uint64_t of_all = *number * loops_of(process); may_have_descriptors(of_all).ok()) {
      number = of_all;
    }
  } else if (const std::uint64_t wanted = std::min(limits.most, 2 * connections); wanted > limits.now) {
    number = wanted;
  }
  if (const std::uint64_t have = number.value_or(limits.now); process.worker_connections && connections > have) {
    warnings.push_back(std::to_string(connections) +
                       " worker_connections exceed open file resource limit: " + std::to_string(have));
  }
  return number;
}

Result<WorkerRights> rights_of(const gateway::ProcessSettings& process, Invocation::Face face,
                               std::vector<std::string>& warnings) {
  WorkerRights rights{{}, descriptors_of(process, face, warnings)};
  // registry:2 keeps the user that started it: volumes often belong to root.
  if (face == Invocation::Face::Registry) return rights;
  if (::geteuid() != 0) {
    if (process.user) {
      warnings.emplace_back(
          "the \"user\" directive makes sense only if the master process runs with super-user privileges, ignored");
    }
    return rights;
  }
  Result<Identity> identity = find_identity(process.user.value_or(default_user), process.group.value_or(""));
  if (!identity.ok()) {
    return process.user ? config::error_at(process.user_at, identity.error().what) : std::move(identity).error();
  }
  rights.identity = std::move(identity).value();
  return rights;
}

net::ListenOptions socket_options(const gateway::ListenOptions& said) {
  net::ListenOptions options;
  options.backlog = said.backlog.value_or(options.backlog);
  options.reuse_port = said.reuseport;
  options.ipv6_only = said.ipv6only;
  options.receive_buffer = said.receive_buffer;
  options.send_buffer = said.send_buffer;
  options.fast_open = said.fast_open;
  options.deferred = said.deferred;
  if (said.keepalive) {
    options.keepalive = said.keepalive->on;
    options.keepalive_idle = said.keepalive->idle;
    options.keepalive_interval = said.keepalive->interval;
    options.keepalive_probes = said.keepalive->probes;
  }
  return options;
}

Result<std::vector<Plan::Listener>> listeners_of(const gateway::VirtualHosts& hosts) {
  std::vector<Plan::Listener> listeners;
  for (const gateway::Endpoint& endpoint : hosts.endpoints()) {
    if (!endpoint.bound) continue;
    const auto address = endpoint.address.unix_path.empty()
                             ? net::Address::from_ip(endpoint.address.host, endpoint.address.port)
                             : net::Address::from_unix_path(endpoint.address.unix_path);
    if (!address) return config::error_at(endpoint.at, "invalid address \"" + endpoint.address.str() + '"');
    listeners.push_back({*address, socket_options(endpoint.options), endpoint.at});
  }
  return listeners;
}

const gateway::VirtualHosts* hosts_of(const rules::Level& root) {
  for (const auto& level : root.inner()) {
    if (level->kind() == rules::Http) return &level->get<gateway::HttpBlock>().hosts;
  }
  return nullptr;
}

rules::Loader::Loaded load_settings(const rules::Language& language, const Invocation& invocation,
                                    config::Source& files, const rules::Services& services) {
  const std::string& log = invocation.error_log;
  const bool registry = invocation.face == Invocation::Face::Registry;
  const rules::Paths paths{invocation.prefix, registry ? invocation.prefix : config::folder_of(invocation.conf),
                           log == "stderr" ? log : invocation.from_prefix(log)};
  rules::Loader loader(language, files, paths, services);
  return loader.load(read_configuration(invocation, files));
}

// Whether the TLS settings work together, which only the whole shows.
Result<void> check_tls_settings(rules::Loader& loader, rules::Level& root) {
  const gateway::VirtualHosts* hosts = hosts_of(root);
  if (hosts == nullptr) return {};
  TlsFindings findings = check_tls(*hosts);
  for (Error& error : findings.errors) loader.note(std::move(error));
  for (const std::string& warning : findings.warnings) loader.warn(warning);
  return {};
}

// The value, or the error among the others and a T that nobody will see.
template <class T>
T take(Result<T> result, std::vector<Error>& errors) {
  if (result.ok()) return std::move(result).value();
  errors.push_back(std::move(result).error());
  return T{};
}

struct Pools {
  async::BlockingPool disk{std::max<std::size_t>(8, 4 * processors()), most_waiting_disk_jobs};
  async::BlockingPool hashes{processors(), most_waiting_hashes};
  async::BlockingPool names{2, most_waiting_names};
};

void check_at_start(rules::Loader::Loaded& loaded) {
  for (const auto& check : loaded.settings->start_checks) {
    if (Result<void> passed = check(); !passed.ok()) loaded.errors.push_back(std::move(passed).error());
  }
}

// When the certificates end, for those who ask while new ones come into force.
class CertificateTerms {
 public:
  void note(const gateway::VirtualHosts* hosts) {
    const std::lock_guard lock(mutex_);
    if (hosts != nullptr) all_ = certificate_terms(*hosts);
  }
  void write(observe::Exposition& to) {
    const std::lock_guard lock(mutex_);
    write_certificate_metrics(all_, to);
  }

 private:
  std::mutex mutex_;
  std::vector<CertificateTerm> all_;
};

// Files that a worker may not read any more have changed: users, keys of tokens and secrets take the place of the old.
void hand_over(const config::Files& changed, const rules::Settings& settings) {
  const auto& users = settings.root.get<auth::BasicAuthRuntime>().files;
  for (const auto& [path, text] : changed) {
    if (users && users->was_handed(path)) users->hand_over(path, text);
    for (const auto& tokens : settings.root.get<auth::token::TokenVerifiers>().all) {
      (void)tokens->hand_over(path, text);  // the master has tried the new text; what fails here changes nothing
    }
    settings.root.get<registry::notify::SecretFiles>().hand_over(path, text);
  }
}

}  // namespace

void describe_all(rules::Language& language) {
  gateway::describe(language);
  limits::describe(language);
  monitor::describe(language);
  auth::token::describe(language);
  auth::describe(language);
  upstream::describe(language);
  registry::describe(language);
  language.add_finish(&check_tls_settings);
}

Caisson::Caisson() { describe_all(language_); }

Product::Loaded Caisson::load(const Invocation& invocation, config::Source& files, observe::LogFiles& logs) {
  rules::Services services;
  services.logs = &logs;
  rules::Loader::Loaded from = load_settings(language_, invocation, files, services);
  Loaded loaded{{}, std::move(from.errors), std::move(from.warnings)};
  if (!from.settings) return loaded;

  const rules::Settings& settings = *from.settings;
  const auto& process = settings.root.get<gateway::ProcessSettings>();
  Plan plan;
  plan.daemon = process.daemon.value_or(true);
  plan.master_process = process.master_process.value_or(true);
  const bool registry = invocation.face == Invocation::Face::Registry;
  plan.pid_path = process.pid.value_or(registry ? "" : default_pid_path);
  plan.shutdown_timeout = process.worker_shutdown_timeout;
  plan.term_finishes = registry && plan.shutdown_timeout.has_value();
  plan.worker = take(rights_of(process, invocation.face, loaded.warnings), loaded.errors);
  for (const auto& file : settings.root.get<gateway::ErrorLogFiles>().files) {
    plan.logs_to_stderr = plan.logs_to_stderr || file.path == "stderr";
  }
  plan.error_log = settings.root.get<rules::ErrorLogSettings>().log.value();
  plan.memories = limits::memories_of(settings);
  if (const gateway::VirtualHosts* hosts = hosts_of(settings.root)) {
    plan.listeners = take(listeners_of(*hosts), loaded.errors);
    plan.certificates = certificate_terms(*hosts);
  }
  if (loaded.errors.empty()) loaded.plan = std::move(plan);
  return loaded;
}

std::string Caisson::build_options() const { return configure_arguments(language_); }

int Caisson::serve(Serving serving) {
  Pools pools;
  observe::ConnectionCounts connections;
  observe::ConnectionSlots slots;
  observe::Metrics metrics;
  rules::Services services;
  services.disk = &pools.disk;
  services.hashes = &pools.hashes;
  services.names = &pools.names;
  services.logs = &serving.logs;
  services.memories = &serving.memories;
  services.connections = &connections;
  services.slots = &slots;
  services.metrics = &metrics;

  config::MemorySource files(serving.files);
  rules::Loader::Loaded loaded = load_settings(language_, serving.invocation, files, services);
  if (loaded.settings) check_at_start(loaded);
  if (!loaded.errors.empty()) {
    serving.control.failed(loaded.errors);
    return EXIT_FAILURE;
  }
  if (serving.check_only) return serving.control.ready().ok() ? EXIT_SUCCESS : EXIT_FAILURE;

  CertificateTerms terms;
  terms.note(hosts_of(loaded.settings->root));
  metrics.add([&terms](observe::Exposition& to) { terms.write(to); });
  const auto renew = [&](const config::Files& changed) -> std::shared_ptr<const gateway::VirtualHosts> {
    hand_over(changed, *loaded.settings);
    for (const auto& [path, text] : changed) {
      for (auto& [known_path, known_text] : serving.files) {
        if (known_path == path) known_text = text;
      }
    }
    // Certificates and keys come with a configuration that is loaded anew for them alone.
    config::MemorySource renewed(serving.files);
    std::shared_ptr<const rules::Settings> settings =
        load_settings(language_, serving.invocation, renewed, rules::Services{}).settings;
    if (!settings) return nullptr;
    terms.note(hosts_of(settings->root));
    return {settings, hosts_of(settings->root)};
  };
  const auto& process = loaded.settings->root.get<gateway::ProcessSettings>();
  const std::uint64_t wanted = connections_of(process, serving.invocation.face);
  slots.limit(std::min(wanted, connections_in(descriptor_limits().now)));
  return serve_settings({*loaded.settings, std::move(serving.listeners), loops_of(process), serving.control,
                         connections, slots, serving.logs, renew});
}

}  // namespace caisson::app

#include "app/registry_command.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "app/collect_command.h"
#include "app/trash_command.h"
#include "app/verify_command.h"
#include "auth/htpasswd_edit.h"
#include "base/handle.h"
#include "base/text.h"

namespace caisson::app {

namespace {

constexpr std::string_view version = "github.com/docker/distribution 2.8.3 (caisson/" CAISSON_VERSION ")\n";

constexpr std::string_view usage = R"(Usage:
  registry serve [CONFIG.yml]    serve; without a file by REGISTRY_CONFIGURATION_PATH, or by the defaults of the
                                 registry:2 image, with the REGISTRY_* variables laid upon them
  registry serve -t [CONFIG.yml] read the configuration, say what is wrong with it, and end
  registry garbage-collect [CONFIG.yml] [-m] [-d]
                                 collect garbage, also while a registry serves; --help says more
  registry trash list|restore|empty
                                 what collection took away; --help says more
  registry verify [CONFIG.yml]   look through the volume and say what is damaged, or mend it; --help says more
  registry --version             show version and exit
  registry help                  this help
)";

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// What follows the word "registry", wherever it stands; nothing when the call is for somebody else.
std::optional<std::span<const char* const>> arguments_of(std::span<const char* const> argv) {
  if (argv.empty()) return std::nullopt;
  const std::string_view name = base_name(argv[0]);
  if (name == "registry" || name == "docker-registry") return argv.subspan(1);
  if (argv.size() >= 2 && std::string_view(argv[1]) == "registry") return argv.subspan(2);
  return std::nullopt;
}

// Containers often have none: then ":5000" listens on IPv4 alone.
bool has_ipv6() {
  const Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return false;
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
}

std::string working_folder() {
  std::error_code ignored;
  return std::filesystem::current_path(ignored).string() + '/';
}

RegistryCommand refused(std::string why) {
  RegistryCommand command;
  command.errors = "registry: " + std::move(why) + '\n' + std::string(usage);
  command.status = EXIT_FAILURE;
  return command;
}

RegistryCommand saying(std::string_view output) {
  RegistryCommand command;
  command.output = output;
  return command;
}

RegistryCommand parse_serve(std::span<const char* const> args, char** environment) {
  std::string conf;
  bool test = false;
  for (const std::string_view arg : args) {
    if (arg == "-h" || arg == "--help") return saying(usage);
    if (arg == "-t") {
      test = true;
    } else if (arg.starts_with('-')) {
      return refused("unknown option \"" + std::string(arg) + '"');
    } else if (!conf.empty()) {
      return refused("one configuration file is enough");
    } else {
      conf = arg;
    }
  }
  RegistryCommand command;
  command.serve = invocation_for(conf, environment);
  command.serve->test = test;
  return command;
}

// The path behind a directive of that name, however deep; "" when there is none.
std::string find_argument(const std::vector<config::Directive>& directives, std::string_view name) {
  for (const config::Directive& directive : directives) {
    if (directive.name == name && directive.args.size() == 1) return directive.args[0];
    if (std::string found = find_argument(directive.block, name); !found.empty()) return found;
  }
  return {};
}

Result<std::string> random_password() {
  std::array<std::byte, 24> bytes{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) != 1) {
    return Error{ErrorCode::Io, "there are no random numbers"};
  }
  return text::to_hex(bytes);
}

Result<void> write_secret(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return system_error(errno, "open() \"" + path + '"');
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return system_error(errno, "write() \"" + path + '"');
  }
  return {};
}

}  // namespace

Invocation invocation_for(const std::string& conf, char** environment) {
  Invocation invocation;
  invocation.program = "registry";
  if (conf.ends_with(".conf")) {
    invocation.conf = conf.starts_with('/') ? conf : working_folder() + conf;
    return invocation;
  }
  invocation.prefix = working_folder();
  invocation.conf = conf;
  invocation.face = Invocation::Face::Registry;
  invocation.ipv6 = has_ipv6();
  constexpr std::string_view named = "REGISTRY_CONFIGURATION_PATH=";
  for (char** at = environment; at != nullptr && *at != nullptr; ++at) {
    const std::string_view variable = *at;
    if (variable.starts_with(named) && invocation.conf.empty()) invocation.conf = variable.substr(named.size());
    if (variable.starts_with("REGISTRY_")) invocation.environment.emplace_back(variable);
  }
  if (!invocation.conf.empty()) invocation.conf = invocation.from_prefix(invocation.conf);
  return invocation;
}

std::optional<RegistryCommand> parse_registry_command(std::span<const char* const> argv, char** environment) {
  const auto given = arguments_of(argv);
  if (!given) return std::nullopt;
  const std::string_view first = given->empty() ? "help" : given->front();
  if (first == "help" || first == "-h" || first == "--help") return saying(usage);
  if (first == "--version" || first == "-v") {
    return saying("registry " + std::string(version));
  }
  if (first == "serve") {
    RegistryCommand command = parse_serve(given->subspan(1), environment);
    if (command.serve) command.serve->call.assign(argv.begin(), argv.end());
    return command;
  }
  if (first == "verify") {
    RegistryCommand command;
    command.work = [rest = given->subspan(1), environment] { return run_verify(rest, environment); };
    return command;
  }
  if (first == "garbage-collect") {
    RegistryCommand command;
    command.work = [args = given->subspan(1), environment] { return run_collect(args, environment); };
    return command;
  }
  if (first == "trash") {
    RegistryCommand command;
    command.work = [args = given->subspan(1), environment] { return run_trash(args, environment); };
    return command;
  }
  return refused("unknown command \"" + std::string(first) + '"');
}

Result<std::optional<std::string>> provision_users(const Invocation& invocation) {
  using Nothing = std::optional<std::string>;
  config::FileSource disk;
  const std::string named = find_argument(read_configuration(invocation, disk).directives, "auth_basic_user_file");
  if (named.empty()) return Nothing();
  const std::string path = invocation.from_prefix(named);
  if (::access(path.c_str(), F_OK) == 0) return Nothing();

  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code failed;
  if (std::filesystem::create_directories(folder, failed)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  }
  Result<std::string> password = random_password();
  if (!password.ok()) return std::move(password).error();
  Result<std::string> hash = auth::make_bcrypt(password.value(), auth::default_bcrypt_cost);
  if (!hash.ok()) return std::move(hash).error();
  const std::string note = path + ".password";
  Result<void> written = write_secret(note, password.value() + '\n');
  if (written.ok()) written = write_secret(path, "docker:" + hash.value() + '\n');
  if (!written.ok()) return std::move(written).error().in("the file of users is not there, and cannot be made");
  return Nothing("htpasswd is missing, \"" + path + "\" is made with the user \"docker\", whose password is in \"" +
                 note + '"');
}

}  // namespace caisson::app

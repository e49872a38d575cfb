#include "app/verify_command.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "app/option_words.h"
#include "app/registry_command.h"
#include "app/rights.h"
#include "app/store_choice.h"
#include "base/text.h"
#include "registry/doctor/registry_client.h"
#include "registry/doctor/verify.h"
#include "registry/store/filesystem.h"

namespace caisson::app {

namespace {

constexpr int failed = 2;
constexpr unsigned most_threads = 64;

constexpr std::string_view usage = R"(Usage:
  registry verify [OPTIONS] [CONFIG.yml]

Looks through a registry's volume, this program's or registry:2's, and says which images can no longer be pulled, and
why. Without --repair it changes nothing. It may run beside whoever serves the volume. The volume is the one of
CONFIG.yml (without a file: of REGISTRY_CONFIGURATION_PATH, or of the registry:2 image), or --root.

  --repair          mends what can be mended without guessing; nothing is deleted but empty links and dead uploads
  --from URL        with --repair: fetches what is lost or damaged from this registry, by digest:
                    http(s)://HOST[:PORT][/PREFIX], where the prefix stands before the repositories' names
  --from-user NAME  as this user, whose password is in CAISSON_FROM_PASSWORD or in
  --from-password-file FILE
  --from-ca FILE    certificates to trust instead of the machine's
  --root DIR        the volume: the folder that has docker/registry/v2 in it
  --json            report as JSON (its keys: proxy/registry/doctor/report.h)
  --quick           computes the digests of manifests alone, not of all contents
  --rate SIZE       reads so many bytes a second at most: 50M
  --threads N       so many at once; by default one for each processor, at most 4
  --resume FILE     notes in FILE how far it came, and goes on there when FILE is there
  --user NAME       works with the rights of NAME; by default root takes those of the volume's owner

Exit status: 0 nothing is damaged, 1 something is, 2 the work could not be done.
)";

struct Options {
  std::string root = {};
  std::optional<std::string> user = {};
  std::string config = {};
  bool help = false;
  std::optional<registry::doctor::RegistryAddress> from = {};
  std::string from_user = {};
  std::string from_password_file = {};
  std::string from_ca = {};
  registry::doctor::Verification verification = {};
};

Error refused(std::string what) { return {ErrorCode::BadConfig, std::move(what)}; }

Result<std::uint64_t> parse_size(std::string_view text) {
  const std::string_view units = "kmg";
  const char last = text.empty() ? '\0' : text::lower(text.back());
  const auto unit = units.find(last);
  const int shift = unit == std::string_view::npos ? 0 : 10 * (static_cast<int>(unit) + 1);
  const auto number = text::to_number(shift == 0 ? text : text.substr(0, text.size() - 1));
  if (!number || *number > (UINT64_MAX >> shift)) {
    return refused("cannot read the size \"" + std::string(text) + "\"; it is like 50M");
  }
  return *number << shift;
}

Result<void> read_numbers(std::string_view rate, std::string_view threads, registry::doctor::ExaminationOptions& into) {
  if (!rate.empty()) {
    auto size = parse_size(rate);
    if (!size.ok()) return std::move(size).error();
    into.bytes_a_second = size.value();
  }
  if (!threads.empty()) {
    const auto number = text::to_number(threads);
    if (!number || *number == 0 || *number > most_threads) {
      return refused("\"--threads\" takes a number from 1 to " + std::to_string(most_threads));
    }
    into.threads = static_cast<unsigned>(*number);
  }
  return {};
}

Result<Options> parse(std::span<const char* const> given) {
  Options options;
  registry::doctor::ExaminationOptions& examination = options.verification.examination;
  examination.threads = std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
  bool quick = false;
  std::string from;
  std::string user;
  std::string rate;
  std::string threads;
  std::string resume;
  const std::array<std::pair<std::string_view, bool*>, 4> flags{{{"--help", &options.help},
                                                                 {"--json", &options.verification.json},
                                                                 {"--repair", &options.verification.repair},
                                                                 {"--quick", &quick}}};
  const std::array<std::pair<std::string_view, std::string*>, 9> values{
      {{"--root", &options.root},
       {"--user", &user},
       {"--resume", &resume},
       {"--rate", &rate},
       {"--threads", &threads},
       {"--from", &from},
       {"--from-user", &options.from_user},
       {"--from-password-file", &options.from_password_file},
       {"--from-ca", &options.from_ca}}};
  for (OptionWords words(given); !words.done();) {
    const std::string_view word = words.next();
    const auto flag = std::find_if(flags.begin(), flags.end(),
                                   [&](const auto& one) { return OptionWords::is_flag(word, one.first, *one.second); });
    const auto value = std::find_if(values.begin(), values.end(),
                                    [&](const auto& one) { return words.is_option(word, one.first, *one.second); });
    if (word == "-h") {
      options.help = true;
    } else if (value != values.end()) {
      if (value->second->empty()) return refused('"' + std::string(value->first) + "\" needs a value");
    } else if (flag == flags.end() && word.starts_with('-')) {
      return refused("unknown option \"" + std::string(word) + '"');
    } else if (flag == flags.end()) {
      if (!options.config.empty()) return refused("one configuration file is enough");
      options.config = word;
    }
  }
  if (!options.config.empty() && !options.root.empty()) {
    return refused("a configuration file names the volume; there is no need of --root beside it");
  }
  if (!from.empty()) options.from = {.url = from};
  if (!user.empty()) options.user = user;
  if (!resume.empty()) examination.resume_file = resume;
  examination.digests = !quick;
  if (auto read = read_numbers(rate, threads, examination); !read.ok()) return std::move(read).error();
  return options;
}

// The volume that the configuration names, of whichever face.
Result<std::string> configured_root(const std::string& config, char** environment) {
  auto stores = stores_of(invocation_for(config, environment));
  if (!stores.ok()) return std::move(stores).error();
  if (stores.value().size() == 1) return stores.value().front().root;
  return refused("the configuration has more than one registry; --root says which");
}

Result<std::string> read_file(const std::string& path) {
  config::FileSource disk;
  return disk.read(path);
}

// Everything that --from needs is read here, with the rights that the caller has.
Result<std::unique_ptr<registry::doctor::RegistryClient>> make_client(Options& options) {
  using Client = std::unique_ptr<registry::doctor::RegistryClient>;
  if (!options.from) {
    if (options.from_user.empty() && options.from_password_file.empty() && options.from_ca.empty()) return Client();
    return refused("--from is missing, which the other --from options are about");
  }
  registry::doctor::RegistryAddress& address = *options.from;
  address.user = options.from_user;
  if (!options.from_password_file.empty()) {
    auto text = read_file(options.from_password_file);
    if (!text.ok()) return std::move(text).error();
    address.password = text.value().substr(0, text.value().find_first_of("\r\n"));
  } else if (const char* const password = std::getenv("CAISSON_FROM_PASSWORD")) {
    address.password = password;
  }
  if (!options.from_ca.empty()) {
    auto text = read_file(options.from_ca);
    if (!text.ok()) return std::move(text).error();
    address.authorities = std::move(text).value();
  }
  return registry::doctor::RegistryClient::make(address);
}

// What the doctor makes belongs to whom the rest belongs to, and what that user cannot read is found.
Result<void> take_rights(const Options& options) {
  Identity identity;
  if (options.user) {
    auto found = find_identity(*options.user, "");
    if (!found.ok()) return std::move(found).error();
    identity = std::move(found).value();
    if (identity.uid == ::geteuid()) return {};
  } else {
    struct stat volume {};
    const std::string base = options.root + "/docker/registry/v2";
    if (::geteuid() != 0 || ::stat(base.c_str(), &volume) != 0 || volume.st_uid == 0) return {};
    const passwd* const entry = ::getpwuid(volume.st_uid);
    identity = {entry != nullptr ? entry->pw_name : "", volume.st_uid, volume.st_gid};
  }
  return become({identity});
}

int refuse(const Error& error) {
  std::cerr << "registry: " << error.what << '\n';
  return failed;
}

}  // namespace

int run_verify(std::span<const char* const> arguments, char** environment) {
  Result<Options> parsed = parse(arguments);
  if (!parsed.ok()) {
    return refuse(std::move(parsed).error().in("verify"));
  }
  Options& options = parsed.value();
  if (options.help) {
    std::cout << usage;
    return 0;
  }
  if (options.root.empty()) {
    auto root = configured_root(options.config, environment);
    if (!root.ok()) return refuse(root.error());
    options.root = std::move(root).value();
  }
  auto client = make_client(options);
  if (!client.ok()) return refuse(client.error());
  // Opened first: the way to it may be closed to whose rights are taken.
  auto driver = registry::store::FilesystemDriver::open_root(options.root);
  if (!driver.ok()) return refuse(driver.error());
  if (auto taken = take_rights(options); !taken.ok()) return refuse(taken.error());
  options.verification.root = options.root;
  return registry::doctor::verify(std::move(driver).value(), options.verification, client.value().get(), std::cout,
                                  std::cerr, ::isatty(STDERR_FILENO) == 1 ? &std::cerr : nullptr);
}

}  // namespace caisson::app

#include "app/invocation.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <string_view>

#include "registry/face/translate.h"

namespace caisson::app {

namespace {

// The nginx whose configurations this takes; scripts look for it. Then what it really is.
constexpr std::string_view nginx_version = "nginx version: nginx/1.28.0 (caisson/" CAISSON_VERSION ")\n";

constexpr std::string_view usage = R"( [-?hvVtTq] [-s signal] [-p prefix]
             [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: /usr/share/nginx/)
  -e filename   : set error log file (default: stderr)
  -c filename   : set configuration file (default: /etc/nginx/nginx.conf)
  -g directives : set global directives out of configuration file

)";

// An option that takes a value: the rest of its word, or the next word.
struct ValueOption {
  char letter;
  std::string_view wants;  // for the complaint
};
constexpr ValueOption value_options[] = {
    {'p', "directory name"}, {'e', "file name"}, {'c', "file name"}, {'g', "parameter"}, {'s', "parameter"}};

Error refused(std::string what) { return {ErrorCode::BadConfig, std::move(what)}; }

class Options {
 public:
  explicit Options(std::span<const char* const> argv) : argv_(argv) {
    invocation_.call.assign(argv.begin(), argv.end());
    invocation_.program = program_name(argv);
  }

  Result<Invocation> parse() {
    for (at_ = 1; at_ < argv_.size(); ++at_) {
      const std::string_view word = argv_[at_];
      if (!word.starts_with('-')) return refused("invalid option: \"" + std::string(word) + '"');
      if (Result<void> taken = take_word(word.substr(1)); !taken.ok()) return std::move(taken).error();
    }
    complete_paths();
    return std::move(invocation_);
  }

 private:
  Result<void> take_word(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      const auto with_value = std::find_if(std::begin(value_options), std::end(value_options),
                                           [&](const ValueOption& option) { return option.letter == letter; });
      if (with_value != std::end(value_options)) {
        if (letters.empty() && at_ + 1 == argv_.size()) {
          return refused(std::string("option \"-") + letter + "\" requires " + std::string(with_value->wants));
        }
        return set(letter, std::string(letters.empty() ? argv_[++at_] : letters));
      }
      if (!set_flag(letter)) return refused(std::string("invalid option: \"") + letter + '"');
    }
    return {};
  }

  bool set_flag(char letter) {
    switch (letter) {
      case '?':
      case 'h':
        invocation_.show_help = invocation_.show_version = true;
        return true;
      case 'V':
        invocation_.show_build = invocation_.show_version = true;
        return true;
      case 'v':
        return invocation_.show_version = true;
      case 'T':
        return invocation_.dump = invocation_.test = true;
      case 't':
        return invocation_.test = true;
      case 'q':
        return invocation_.quiet = true;
      default:
        return false;
    }
  }

  Result<void> set(char letter, std::string value) {
    constexpr std::string_view signals[] = {"stop", "quit", "reopen", "reload"};
    switch (letter) {
      case 'p':
        invocation_.prefix = value.ends_with('/') || value.empty() ? value : value + '/';
        break;
      case 'e':  // "" is standard error, as nginx takes it
        invocation_.error_log = value.empty() ? "stderr" : std::move(value);
        invocation_.error_log_given = true;
        break;
      case 'c':
        invocation_.conf = std::move(value);
        break;
      case 'g':
        invocation_.directives = std::move(value);
        break;
      default:
        if (std::find(std::begin(signals), std::end(signals), value) == std::end(signals)) {
          return refused("invalid option: \"-s " + value + '"');
        }
        invocation_.signal = std::move(value);
    }
    return {};
  }

  void complete_paths() {
    invocation_.conf = invocation_.from_prefix(invocation_.conf);
    if (invocation_.error_log != "stderr") invocation_.error_log = invocation_.from_prefix(invocation_.error_log);
  }

  std::span<const char* const> argv_;
  std::size_t at_ = 1;
  Invocation invocation_;
};

}  // namespace

std::string program_name(std::span<const char* const> argv) {
  const std::string_view path = argv.empty() ? "" : argv[0];
  return path.substr(path.rfind('/') + 1) == "nginx" ? "nginx" : "caisson";
}

Result<Invocation> parse_invocation(std::span<const char* const> argv) { return Options(argv).parse(); }

std::optional<Result<Invocation>> parse_check(std::span<const char* const> argv) {
  if (argv.size() < 2 || std::string_view(argv[1]) != "check") return std::nullopt;
  bool probe = false;
  std::vector<const char*> rest{argv[0], "-t"};
  for (const char* const word : argv.subspan(2)) {
    if (std::string_view(word) == "--probe") {
      probe = true;
    } else {
      rest.push_back(word);
    }
  }
  Result<Invocation> parsed = parse_invocation(rest);
  if (parsed.ok()) parsed.value().probe = probe;
  return parsed;
}

config::Parsed read_configuration(const Invocation& invocation, config::Source& files) {
  if (invocation.face == Invocation::Face::Registry) {
    return registry::face::translate({invocation.conf, invocation.environment, invocation.ipv6}, files);
  }
  config::Parsed all = config::parse_option(files, invocation.directives, invocation.conf);
  config::Parsed file = config::parse(files, invocation.conf, all.next_order);
  const bool events = std::any_of(file.directives.begin(), file.directives.end(),
                                  [](const config::Directive& directive) { return directive.name == "events"; });
  if (!events && file.errors.empty()) {
    file.errors.push_back(
        {{ErrorCode::BadConfig, "no \"events\" section in configuration"}, std::numeric_limits<unsigned>::max()});
  }
  std::move(file.directives.begin(), file.directives.end(), std::back_inserter(all.directives));
  std::move(file.errors.begin(), file.errors.end(), std::back_inserter(all.errors));
  return all;
}

std::string version_text(const Invocation& invocation, std::string_view build_options) {
  std::string text(nginx_version);
  if (invocation.show_help) text.append("Usage: ").append(invocation.program).append(usage);
  if (invocation.show_build) {
    text += "built by gcc " __VERSION__ "\n";
    text += "built with " OPENSSL_VERSION_TEXT;
    const std::string running = OpenSSL_version(OPENSSL_VERSION);
    if (running != OPENSSL_VERSION_TEXT) text += " (running with " + running + ')';
    text += "\nTLS SNI support enabled\n";
    text += build_options;
  }
  return text;
}

}  // namespace caisson::app

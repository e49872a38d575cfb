#include "auth/htpasswd_tool.h"

#include <optional>
#include <ostream>
#include <utility>

#include "auth/file_writer.h"
#include "auth/hash_scheme.h"
#include "auth/htpasswd.h"
#include "auth/htpasswd_edit.h"
#include "base/text.h"
#include "config/source.h"

namespace caisson::auth {
namespace {

constexpr std::string_view usage =
    "usage: caisson htpasswd [-c] [-b | -i] [-C COST] FILE USER [PASSWORD]    make or change a user (bcrypt)\n"
    "       caisson htpasswd -n [-b | -i] [-C COST] USER [PASSWORD]           print the line instead\n"
    "       caisson htpasswd -v [-b | -i] FILE USER [PASSWORD]                is the password right?\n"
    "       caisson htpasswd -D FILE USER                                     remove a user\n"
    "  -c  make the file anew    -b  the password is an argument    -i  the password comes on standard input\n"
    "  -C  cost of the hash, 4 to 16 (10): one more doubles the time\n";

enum class Status { Done = 0, File = 1, Arguments = 2, Password = 3, User = 6 };

struct Order {
  enum class What { Set, Print, Check, Remove } what = What::Set;
  bool create = false;
  bool as_argument = false;  // the password
  bool from_input = false;
  unsigned cost = default_bcrypt_cost;
  std::string file;
  std::string user;
  std::optional<Secret> password;
};

// The order, or what is wrong with the arguments.
Result<Order> read_arguments(std::span<const std::string> args) {
  const auto wrong = [](std::string what) { return Error{ErrorCode::BadRequest, std::move(what)}; };
  Order order;
  std::size_t next = 0;
  for (; next < args.size() && args[next].size() > 1 && args[next][0] == '-'; ++next) {
    if (args[next] == "--") {
      ++next;
      break;
    }
    for (std::size_t i = 1; i < args[next].size(); ++i) {
      const char option = args[next][i];
      switch (option) {
        case 'B':
          break;  // bcrypt it is
        case 'b':
          order.as_argument = true;
          break;
        case 'i':
          order.from_input = true;
          break;
        case 'c':
          order.create = true;
          break;
        case 'n':
          order.what = Order::What::Print;
          break;
        case 'v':
          order.what = Order::What::Check;
          break;
        case 'D':
          order.what = Order::What::Remove;
          break;
        case 'C': {
          // "-C 12" or "-C12"
          std::string_view cost = std::string_view(args[next]).substr(i + 1);
          if (cost.empty() && next + 1 < args.size()) cost = args[++next];
          const auto number = text::to_number(cost);
          if (!number || *number < 4 || *number > max_bcrypt_cost) return wrong("-C wants a number from 4 to 16");
          order.cost = static_cast<unsigned>(*number);
          i = args[next].size();
          break;
        }
        case 'm':
        case 's':
        case 'd':
        case 'p':
        case '2':
        case '5':
          return wrong(std::string("-") + option + " is not offered: only bcrypt is written, which all programs read");
        default:
          return wrong(std::string("unknown option -") + option);
      }
    }
  }
  const std::span<const std::string> words = args.subspan(next);
  const bool has_file = order.what != Order::What::Print;
  const bool has_password = order.as_argument && order.what != Order::What::Remove;
  if (words.size() != std::size_t{1} + has_file + has_password) return wrong("wrong number of arguments");
  if (order.as_argument && order.from_input) return wrong("-b and -i exclude each other");
  if (order.create && order.what != Order::What::Set) return wrong("-c only goes with making a user");
  if (has_file) order.file = words[0];
  order.user = words[has_file ? 1 : 0];
  if (has_password) order.password.emplace(words.back());
  return order;
}

class Tool {
 public:
  Tool(Order order, const AskPassword& ask, std::ostream& out, std::ostream& err)
      : order_(std::move(order)), ask_(ask), out_(out), err_(err) {}

  Status run() {
    if (const std::string_view fault = fault_of_user(order_.user); !fault.empty()) return fail(Status::User, fault);
    if (order_.what == Order::What::Print) return print();
    config::FileSource files;
    Result<std::string> text = files.read(order_.file);
    const bool is_new = !text.ok() && text.error().code == ErrorCode::NotFound;
    if (is_new && order_.what == Order::What::Set && !order_.create) {
      return fail(Status::File, "there is no file \"" + order_.file + "\"; -c makes it");
    }
    if (!text.ok() && !(is_new && order_.create)) return fail(Status::File, text.error().what);
    const std::string before = text.ok() && !order_.create ? std::move(text).value() : std::string();
    switch (order_.what) {
      case Order::What::Check:
        return check(before);
      case Order::What::Remove:
        return remove(before);
      default:
        return set(before);
    }
  }

 private:
  Status fail(Status status, std::string_view why) {
    err_ << "caisson htpasswd: " << why << '\n';
    return status;
  }

  Result<Secret> password(Asking asking) {
    return order_.password ? *order_.password : ask_(order_.from_input ? Asking::Once : asking);
  }

  Result<std::string> new_hash() {
    const Result<Secret> secret = password(Asking::Twice);
    if (!secret.ok()) return secret.error();
    return make_bcrypt(secret.value().view(), order_.cost);
  }

  Status print() {
    const Result<std::string> hash = new_hash();
    if (!hash.ok()) return fail(Status::Password, hash.error().what);
    out_ << order_.user << ':' << hash.value() << '\n';
    return Status::Done;
  }

  Status set(const std::string& before) {
    const Result<std::string> hash = new_hash();
    if (!hash.ok()) return fail(Status::Password, hash.error().what);
    return write(with_user(before, order_.user, hash.value()));
  }

  Status remove(const std::string& before) {
    const std::string after = without_user(before, order_.user);
    if (after == before) return fail(Status::User, "there is no user \"" + order_.user + "\" in " + order_.file);
    return write(after);
  }

  Status check(const std::string& text) {
    const Htpasswd users = Htpasswd::parse(text, order_.file);
    const StoredHash* hash = users.find(order_.user);
    if (hash == nullptr) {
      for (const Htpasswd::Warning& warning : users.warnings()) err_ << "caisson htpasswd: " << warning.text() << '\n';
      return fail(Status::User, "\"" + order_.user + "\" cannot log in by " + order_.file);
    }
    const Result<Secret> secret = password(Asking::Once);
    if (!secret.ok()) return fail(Status::Password, secret.error().what);
    if (!hash->matches(secret.value().view())) return fail(Status::Password, "the password is wrong");
    out_ << "The password of " << order_.user << " is right.\n";
    return Status::Done;
  }

  Status write(const std::string& text) {
    const Result<void> written = replace_file(order_.file, text);
    return written.ok() ? Status::Done : fail(Status::File, written.error().what);
  }

  const Order order_;
  const AskPassword& ask_;
  std::ostream& out_;
  std::ostream& err_;
};

}  // namespace

int htpasswd_main(std::span<const std::string> args, const AskPassword& ask, std::ostream& out, std::ostream& err) {
  if (args.size() == 1 && (args[0] == "-h" || args[0] == "--help")) {
    out << usage;
    return 0;
  }
  Result<Order> order = read_arguments(args);
  if (!order.ok()) {
    err << "caisson htpasswd: " << order.error().what << '\n' << usage;
    return static_cast<int>(Status::Arguments);
  }
  return static_cast<int>(Tool(std::move(order).value(), ask, out, err).run());
}

}  // namespace caisson::auth

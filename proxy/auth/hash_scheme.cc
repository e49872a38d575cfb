#include "auth/hash_scheme.h"

#include <algorithm>
#include <array>
#include <utility>

#include "auth/apr1.h"
#include "auth/argon2_hash.h"
#include "auth/crypt_hash.h"
#include "auth/digest_hash.h"
#include "base/text.h"

namespace caisson::auth {

struct HashScheme {
  std::string_view name;
  std::string_view caution;  // what its users should know although it works
  // Whether a text is this scheme's, by its prefix or shape. The first row that says yes has it, also when damaged.
  bool (*claims)(std::string_view text);
  Result<HashCost> (*examine)(std::string_view text);
  bool (*matches)(std::string_view text, std::string_view password);
};

namespace {

template <const auto&... prefixes>
bool starts_with_any(std::string_view text) {
  return (text.starts_with(prefixes) || ...);
}

Error refused(std::string why) { return {ErrorCode::BadConfig, std::move(why)}; }

// What must not be taken for a bare password although no row of the table knows it: whoever reads a hash of some other
// program in a leaked file could log in with the hash itself.
Result<HashCost> examine_bare_password(std::string_view text) {
  if (text.empty()) return refused("there is no hash behind the colon");
  const std::string_view core = text::trimmed(text, " \t\v\f");
  if (core.empty()) return refused("there are only spaces behind the colon");
  if (core.find('\0') != std::string_view::npos) return refused("there is a NUL character in its hash");
  if (core.front() == '*' || core.front() == '!') return refused("its hash begins with \"*\" or \"!\", which locks it");
  if (core == "x") return refused("its hash is in another file (\"x\", as in /etc/passwd)");
  if (core.starts_with("$$"))
    return refused("each \"$\" of its hash is doubled, as Compose files want it but this file does not");
  if (core.front() == '$' || core.front() == '{' || looks_like_bsdi_crypt(core)) {
    return refused("its hash has a format that is not known here");
  }
  return HashCost{};
}

constexpr std::string_view bcrypt_a = "$2a$", bcrypt_b = "$2b$", bcrypt_y = "$2y$";
constexpr std::string_view md5_prefix = "$1$", sha256_prefix = "$5$", sha512_prefix = "$6$", scrypt_prefix = "$7$";
constexpr std::string_view yescrypt_prefix = "$y$", gost_yescrypt_prefix = "$gy$", apr1_prefix = "$apr1$";
constexpr std::string_view argon2_id = "$argon2id$", argon2_i = "$argon2i$", argon2_d = "$argon2d$";
constexpr std::string_view sha1_prefix = "{SHA}", ssha1_prefix = "{SSHA}", plain_prefix = "{PLAIN}";

constexpr std::string_view in_clear = "its password stands in clear";
constexpr std::string_view eight_characters = "its DES hash knows only the first 8 characters of the password";

constexpr std::array schemes = std::to_array<HashScheme>({
    {"bcrypt", "", starts_with_any<bcrypt_a, bcrypt_b, bcrypt_y>, examine_bcrypt, crypt_matches},
    {"apr1", "", starts_with_any<apr1_prefix>, examine_apr1, apr1_matches},
    {"md5-crypt", "", starts_with_any<md5_prefix>, examine_md5_crypt, crypt_matches},
    {"sha256-crypt", "", starts_with_any<sha256_prefix>, examine_sha256_crypt, crypt_matches},
    {"sha512-crypt", "", starts_with_any<sha512_prefix>, examine_sha512_crypt, crypt_matches},
    {"yescrypt", "", starts_with_any<yescrypt_prefix>, examine_yescrypt, crypt_matches},
    {"gost-yescrypt", "", starts_with_any<gost_yescrypt_prefix>, examine_yescrypt, crypt_matches},
    {"scrypt", "", starts_with_any<scrypt_prefix>, examine_scrypt, crypt_matches},
    {"argon2id", "", starts_with_any<argon2_id>, examine_argon2, argon2_matches},
    {"argon2i", "", starts_with_any<argon2_i>, examine_argon2, argon2_matches},
    {"argon2d", "", starts_with_any<argon2_d>, examine_argon2, argon2_matches},
    {"SHA-1", "", starts_with_any<sha1_prefix>, examine_sha1, sha1_matches},
    {"salted SHA-1", "", starts_with_any<ssha1_prefix>, examine_salted_sha1, salted_sha1_matches},
    {"plain", in_clear, starts_with_any<plain_prefix>, examine_plain, plain_matches},
    {"DES crypt", eight_characters, looks_like_des_crypt, examine_des_crypt, crypt_matches},
});

// Whatever no row claims.
constexpr HashScheme bare_password = {"bare password", in_clear, nullptr, examine_bare_password, same_text};

}  // namespace

Result<StoredHash> StoredHash::parse(std::string_view text) {
  const auto* found = std::find_if(schemes.begin(), schemes.end(), [&](const auto& row) { return row.claims(text); });
  const HashScheme& scheme = found != schemes.end() ? *found : bare_password;
  Result<HashCost> cost = scheme.examine(text);
  if (!cost) {
    const std::string_view core = text::trimmed(text);
    if (core.size() < text.size() && parse(core).ok()) return refused("there is a space before or behind its hash");
    return std::move(cost).error();
  }
  return StoredHash(scheme, text, cost.value());
}

StoredHash::StoredHash(const HashScheme& scheme, std::string_view text, const HashCost& cost)
    : scheme_(&scheme), text_(text), cost_class_(scheme.name), memory_(cost.memory) {
  cost_class_ += ' ';
  cost_class_ += cost.parameters;
}

std::string_view StoredHash::scheme() const noexcept { return scheme_->name; }

std::string_view StoredHash::caution() const noexcept { return scheme_->caution; }

bool StoredHash::is_bare_password() const noexcept { return scheme_ == &bare_password; }

bool StoredHash::matches(std::string_view password) const {
  if (password.find('\0') != std::string_view::npos) return false;
  return scheme_->matches(text_, password);
}

}  // namespace caisson::auth

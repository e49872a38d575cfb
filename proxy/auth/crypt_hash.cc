#include "auth/crypt_hash.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <memory>
#include <optional>
#include <string>

#include "auth/digest_hash.h"
#include "auth/secret.h"
#include "base/text.h"

namespace caisson::auth {
namespace {

// The digits of crypt(5)'s base64, which is not RFC 4648's: ./0-9A-Za-z. -1 for any other character.
int digit64(char c) noexcept {
  if (c == '.') return 0;
  if (c == '/') return 1;
  if (c >= '0' && c <= '9') return c - '0' + 2;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 12;
  if (c >= 'a' && c <= 'z') return c - 'a' + 38;
  return -1;
}

bool all_digits64(std::string_view text) noexcept {
  for (const char c : text) {
    if (digit64(c) < 0) return false;
  }
  return true;
}

Error refused(std::string why) { return {ErrorCode::BadConfig, std::move(why)}; }

Error damaged(std::string_view scheme) {
  return refused("its " + std::string(scheme) +
                 " hash is damaged (cut off, or with characters that do not belong there)");
}

Error too_costly(std::string_view scheme, std::string_view what, std::uint64_t most) {
  return refused("checking its " + std::string(scheme) + " hash would take too long (" + std::string(what) + " over " +
                 std::to_string(most) + ")");
}

Error too_large(std::string_view scheme) {
  return refused("checking its " + std::string(scheme) + " hash would take more than " +
                 std::to_string(max_hash_memory >> 20) + " MiB of memory");
}

// "$id$" (already read) "salt$checksum".
bool is_salt_and_checksum(std::string_view rest, std::size_t longest_salt, std::size_t checksum) {
  const std::size_t dollar = rest.find('$');
  return dollar != std::string_view::npos && dollar <= longest_salt && rest.find(':') == std::string_view::npos &&
         rest.size() - dollar - 1 == checksum && all_digits64(rest.substr(dollar + 1));
}

Result<HashCost> examine_sha_crypt(std::string_view text, std::string_view name, std::size_t checksum) {
  std::string_view rest = text.substr(3);
  std::string parameters = "5000";
  constexpr std::string_view rounds_mark = "rounds=";
  if (rest.starts_with(rounds_mark)) {
    const std::size_t dollar = rest.find('$');
    if (dollar == std::string_view::npos) return damaged(name);
    const auto rounds = text::to_number(rest.substr(rounds_mark.size(), dollar - rounds_mark.size()));
    if (!rounds) return damaged(name);
    if (*rounds > max_sha_crypt_rounds) return too_costly(name, "rounds", max_sha_crypt_rounds);
    parameters = std::to_string(*rounds);
    rest.remove_prefix(dollar + 1);
  }
  if (!is_salt_and_checksum(rest, 16, checksum)) return damaged(name);
  return HashCost{std::move(parameters)};
}

// The variable-length numbers of yescrypt's parameters: the first digit says by its size how many more follow.
// yescrypt-common.c, decode64_uint32. Takes what it read from `text`.
std::optional<std::uint32_t> take_yescrypt_number(std::string_view& text, std::uint32_t least) noexcept {
  if (text.empty() || digit64(text.front()) < 0) return std::nullopt;
  const auto first = static_cast<std::uint32_t>(digit64(text.front()));
  text.remove_prefix(1);
  std::uint32_t start = 0, end = 47, more = 0, bits = 0, value = least;
  while (first > end) {
    value += (end + 1 - start) << bits;
    start = end + 1;
    end = start + (62 - end) / 2;
    ++more;
    bits += 6;
  }
  value += (first - start) << bits;
  for (; more > 0; --more) {
    if (text.empty() || digit64(text.front()) < 0) return std::nullopt;
    bits -= 6;
    value += static_cast<std::uint32_t>(digit64(text.front())) << bits;
    text.remove_prefix(1);
  }
  return value;
}

// scrypt's and yescrypt's table: 128 * r * N bytes. Nothing when over the limit.
std::optional<std::uint64_t> scrypt_memory(std::uint32_t n_log2, std::uint32_t r) noexcept {
  if (n_log2 > 30 || r > (1U << 20)) return std::nullopt;
  const std::uint64_t memory = (std::uint64_t{128} * r) << n_log2;
  if (memory > max_hash_memory) return std::nullopt;
  return memory;
}

}  // namespace

Result<HashCost> examine_bcrypt(std::string_view text) {
  // "$2y$" cost "$" 22 digits of salt, 31 of checksum
  if (text.size() != 60 || !text::is_digit(text[4]) || !text::is_digit(text[5]) || text[6] != '$' ||
      !all_digits64(text.substr(7))) {
    return damaged("bcrypt");
  }
  const unsigned cost = static_cast<unsigned>(text[4] - '0') * 10 + static_cast<unsigned>(text[5] - '0');
  if (cost < 4 || cost > 31) return damaged("bcrypt");
  if (cost > max_bcrypt_cost) return too_costly("bcrypt", "cost", max_bcrypt_cost);
  return HashCost{std::to_string(cost)};
}

Result<HashCost> examine_md5_crypt(std::string_view text) {
  if (!is_salt_and_checksum(text.substr(3), 8, 22)) return damaged("md5-crypt");
  return HashCost{};
}

Result<HashCost> examine_sha256_crypt(std::string_view text) { return examine_sha_crypt(text, "sha256-crypt", 43); }

Result<HashCost> examine_sha512_crypt(std::string_view text) { return examine_sha_crypt(text, "sha512-crypt", 86); }

Result<HashCost> examine_yescrypt(std::string_view text) {
  // "$y$" or "$gy$", flavor N r "$" salt "$" checksum. Parallelism, time and ROM parameters may follow r; no program
  // writes them, and what they cost is not bounded here, so they are refused.
  std::string_view rest = text.substr(text.find('$', 1) + 1);
  const std::string_view parameters = rest.substr(0, rest.find('$'));
  const auto flavor = take_yescrypt_number(rest, 0);
  const auto n_log2 = flavor ? take_yescrypt_number(rest, 1) : std::nullopt;
  const auto r = n_log2 ? take_yescrypt_number(rest, 1) : std::nullopt;
  if (!r) return damaged("yescrypt");
  if (!rest.starts_with('$')) return refused("its yescrypt hash has parameters that are not known here");
  if (!is_salt_and_checksum(rest.substr(1), 86, 43)) return damaged("yescrypt");
  const auto memory = scrypt_memory(*n_log2, *r);
  if (!memory) return too_large("yescrypt");
  return HashCost{std::string(parameters), *memory};
}

Result<HashCost> examine_scrypt(std::string_view text) {
  // "$7$" N (1 digit) r (5) p (5) salt "$" checksum; numbers have their lowest digit first
  constexpr std::size_t parameters_size = 11;
  std::string_view rest = text.substr(3);
  if (rest.size() < parameters_size || !all_digits64(rest.substr(0, parameters_size))) return damaged("scrypt");
  const std::string_view parameters = rest.substr(0, parameters_size);
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 5; ++i) value |= static_cast<std::uint32_t>(digit64(parameters[at + i])) << (6 * i);
    return value;
  };
  const std::uint32_t parallelism = number(6);
  if (!is_salt_and_checksum(rest.substr(parameters_size), 86, 43)) return damaged("scrypt");
  const auto memory = scrypt_memory(static_cast<std::uint32_t>(digit64(parameters[0])), number(1));
  if (!memory) return too_large("scrypt");
  if (parallelism > max_scrypt_traffic / (*memory + 1))
    return too_costly("scrypt", "N * r * p", max_scrypt_traffic / 128);
  return HashCost{std::string(parameters), *memory};
}

Result<HashCost> examine_des_crypt(std::string_view) { return HashCost{}; }

bool looks_like_des_crypt(std::string_view text) noexcept {
  return text.size() == 13 && all_digits64(text) && digit64(text.back()) % 4 == 0;
}

bool looks_like_bsdi_crypt(std::string_view text) noexcept {
  return text.size() == 20 && text.front() == '_' && all_digits64(text.substr(1));
}

bool crypt_matches(std::string_view text, std::string_view password) {
  const std::optional<std::string> computed = crypt_with(password, std::string(text));
  return computed && same_text(text, *computed);
}

std::optional<std::string> crypt_with(std::string_view password, const std::string& setting) {
  const Secret phrase(password);
  // 32 KiB, too much for a thread's stack; all of it holds traces of the password afterwards.
  const auto wipe = [](crypt_data* data) {
    OPENSSL_cleanse(data, sizeof *data);
    delete data;
  };
  const std::unique_ptr<crypt_data, decltype(wipe)> data(new crypt_data{}, wipe);
  const char* computed = crypt_r(phrase.c_str(), setting.c_str(), data.get());
  if (computed == nullptr || *computed == '*') return std::nullopt;
  return computed;
}

}  // namespace caisson::auth

#include "auth/apr1.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "auth/digest_hash.h"
#include "auth/evp.h"

namespace caisson::auth {
namespace {

constexpr std::string_view magic = "$apr1$";
constexpr std::string_view alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t longest_salt = 8;
constexpr std::size_t checksum_size = 22;

using Md5 = std::array<unsigned char, 16>;

std::string_view view_of(const Md5& digest, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// The order of the digest's bytes in the text is the algorithm's own.
std::string encoded(const Md5& d) {
  std::string out;
  const auto put = [&](unsigned a, unsigned b, unsigned c, int digits) {
    for (std::uint32_t v = a << 16 | b << 8 | c; digits > 0; --digits, v >>= 6) out += alphabet[v & 63U];
  };
  put(d[0], d[6], d[12], 4);
  put(d[1], d[7], d[13], 4);
  put(d[2], d[8], d[14], 4);
  put(d[3], d[9], d[15], 4);
  put(d[4], d[10], d[5], 4);
  put(0, 0, d[11], 2);
  return out;
}

// apr_md5_encode of Apache's portable runtime (crypto/apr_md5.c), which follows Poul-Henning Kamp's md5-crypt.
std::string checksum(std::string_view password, std::string_view salt) {
  Digest md5(EVP_md5());
  Md5 digest;

  md5.start();
  md5.add(password);
  md5.add(salt);
  md5.add(password);
  md5.finish(digest.data());

  md5.start();
  md5.add(password);
  md5.add(magic);
  md5.add(salt);
  for (std::size_t left = password.size(); left > 0; left -= std::min(left, digest.size())) {
    md5.add(view_of(digest, std::min(left, digest.size())));
  }
  for (std::size_t bits = password.size(); bits > 0; bits >>= 1) {
    md5.add((bits & 1U) != 0 ? std::string_view("\0", 1) : password.substr(0, 1));
  }
  md5.finish(digest.data());

  for (unsigned round = 0; round < 1000; ++round) {
    const bool odd = (round & 1U) != 0;
    md5.start();
    md5.add(odd ? password : view_of(digest, digest.size()));
    if (round % 3 != 0) md5.add(salt);
    if (round % 7 != 0) md5.add(password);
    md5.add(odd ? view_of(digest, digest.size()) : password);
    md5.finish(digest.data());
  }
  std::string out = encoded(digest);
  OPENSSL_cleanse(digest.data(), digest.size());
  return out;
}

}  // namespace

Result<HashCost> examine_apr1(std::string_view text) {
  const std::string_view rest = text.substr(magic.size());
  const std::size_t dollar = rest.find('$');
  if (dollar == std::string_view::npos || dollar > longest_salt || rest.size() - dollar - 1 != checksum_size ||
      rest.find_first_not_of(alphabet, dollar + 1) != std::string_view::npos) {
    return Error{ErrorCode::BadConfig,
                 "its apr1 hash is damaged (cut off, or with characters that do not belong there)"};
  }
  return HashCost{};
}

bool apr1_matches(std::string_view text, std::string_view password) {
  const std::string_view rest = text.substr(magic.size());
  const std::size_t dollar = rest.find('$');
  return same_text(rest.substr(dollar + 1), checksum(password, rest.substr(0, dollar)));
}

}  // namespace caisson::auth

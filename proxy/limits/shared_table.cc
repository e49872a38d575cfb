#include "limits/shared_table.h"

#include <openssl/sha.h>

#include <cstring>

namespace caisson::limits {

KeyDigest digest_of(std::string_view key) noexcept {
  unsigned char whole[SHA256_DIGEST_LENGTH];
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), whole);
  KeyDigest digest;
  std::memcpy(digest.data(), whole, sizeof digest);
  return digest;
}

}  // namespace caisson::limits

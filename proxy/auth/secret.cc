#include "auth/secret.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace caisson::auth {

Secret::Secret(std::string_view text) : bytes_(std::make_unique<char[]>(text.size() + 1)), size_(text.size()) {
  std::copy(text.begin(), text.end(), bytes_.get());
}

Secret::~Secret() {
  if (bytes_) OPENSSL_cleanse(bytes_.get(), size_);
}

}  // namespace caisson::auth

// Another registry, which may have what is lost here. Whatever it gives is checked by its digest by whoever asked.
//
// Threading: one call at a time. Every call may block for as long as the network does.
// Errors: NotFound: it does not have it. Everything else: it could not be asked.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/result.h"
#include "registry/store/digest.h"
#include "registry/store/name.h"

namespace caisson::registry::doctor {

class OtherRegistry {
 public:
  // Takes the bytes as they come; an error ends the transfer.
  using Sink = std::function<Result<void>(std::span<const std::byte>)>;

  virtual ~OtherRegistry() = default;
  virtual Result<void> blob(const store::RepositoryName& name, const store::Digest& digest, const Sink& sink) = 0;
  virtual Result<std::string> manifest(const store::RepositoryName& name, const store::Digest& digest) = 0;
  // What a tag points at there.
  virtual Result<store::Digest> tagged(const store::RepositoryName& name, const store::Tag& tag) = 0;
};

}  // namespace caisson::registry::doctor

// The folders that a command of the registry is to work on: named by --root, or by a configuration of either face.
//
// Threading: the main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/invocation.h"
#include "base/result.h"
#include "observe/error_log.h"
#include "registry/api/collection_settings.h"
#include "registry/store/filesystem.h"
#include "registry/store/store.h"

namespace caisson::app {

struct StoreChoice {
  std::string root;
  registry::Collecting collecting = {};
};

// The registries that the configuration has, with what it says of collecting. The first error of it, when it has any.
Result<std::vector<StoreChoice>> stores_of(const Invocation& invocation);

// Opens one. A process of root's takes the rights of the folder's owner first, so that what it leaves there belongs to
// whoever serves it.
struct OpenStore {
  std::unique_ptr<registry::store::Store> store;
  registry::store::FilesystemDriver* driver;  // the store's own
};
Result<OpenStore> open_store(const StoreChoice& choice, const observe::ErrorLog& log);

// Takes root's rights back, for the next store. Whether it could, or never had them.
bool become_root_again();

}  // namespace caisson::app

// autoindex: a listing of a folder, as a page or for programs. ngx_http_autoindex_module.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace caisson::gateway {

enum class ListingFormat { Html, Json, Jsonp, Xml };

struct ListingOptions {
  ListingFormat format = ListingFormat::Html;
  bool exact_size = true;
  bool local_time = false;
};

struct FolderEntry {
  std::string name;
  enum class Kind { File, Folder, Other } kind = Kind::Other;
  std::uint64_t size = 0;
  std::time_t modified = 0;
};

// All entries but those whose name begins with a dot, folders first, by name. Blocks.
Result<std::vector<FolderEntry>> read_folder(const std::string& path);

// `path` is the URL's path, decoded; `callback` is Jsonp's.
std::string listing(const std::vector<FolderEntry>& entries, std::string_view path, const ListingOptions& options,
                    std::string_view callback);
std::string_view listing_type(ListingFormat format);

}  // namespace caisson::gateway

// Replaces a small file so that readers see the old text or the new one, never a part.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace caisson::auth {

// Writes beside the file and renames; owner and mode stay, a new file gets 0644 less the umask (nginx's workers must be
// able to read it when it takes caisson's place). A symbolic link stays one. Where the folder cannot be written, or the
// file is a mount of its own as in containers, it is written in place.
Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace caisson::auth

#include "gateway/files/autoindex.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "gateway/answers/http_date.h"
#include "observe/escape.h"

namespace caisson::gateway {

namespace {

constexpr std::size_t name_columns = 50;  // NGX_HTTP_AUTOINDEX_NAME_LEN

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

// ngx_escape_uri(NGX_ESCAPE_URI_COMPONENT): everything but the unreserved characters of RFC 3986.
std::string escaped_component(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || text::is_digit(c) || c == '-' || c == '.' ||
                       c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string escaped_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

std::string_view first_characters(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size() && count > 0) {
    ++at;
    while (at < text.size() && continues_character(text[at])) ++at;
    --count;
  }
  return text.substr(0, at);
}

std::string time_text(std::time_t at, bool local, const char* format) {
  std::tm parts{};
  local ? localtime_r(&at, &parts) : gmtime_r(&at, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::string size_text(const FolderEntry& entry, bool exact) {
  char text[32];
  if (exact) {
    if (entry.kind == FolderEntry::Kind::Folder) return "                  -";
    std::snprintf(text, sizeof text, "%19llu", static_cast<unsigned long long>(entry.size));
    return text;
  }
  if (entry.kind == FolderEntry::Kind::Folder) return "      -";
  std::uint64_t size = entry.size;
  char unit = '\0';
  const auto scale = [&](unsigned shift, char letter) {
    const std::uint64_t rest = size & ((std::uint64_t{1} << shift) - 1);
    size >>= shift;
    if (rest > (std::uint64_t{1} << (shift - 1)) - 1) ++size;
    unit = letter;
  };
  if (size > 1024ULL * 1024 * 1024 - 1) {
    scale(30, 'G');
  } else if (size > 1024 * 1024 - 1) {
    scale(20, 'M');
  } else if (size > 9999) {
    scale(10, 'K');
  }
  if (unit == '\0') {
    std::snprintf(text, sizeof text, " %6llu", static_cast<unsigned long long>(size));
  } else {
    std::snprintf(text, sizeof text, "%6llu%c", static_cast<unsigned long long>(size), unit);
  }
  return text;
}

// ngx_http_autoindex_html
std::string html(const std::vector<FolderEntry>& entries, std::string_view path, const ListingOptions& options) {
  const std::string title = escaped_html(path);
  std::string page = "<html>\r\n<head><title>Index of " + title + "</title></head>\r\n<body>\r\n<h1>Index of " + title +
                     "</h1><hr><pre><a href=\"../\">../</a>\r\n";
  for (const FolderEntry& entry : entries) {
    const bool folder = entry.kind == FolderEntry::Kind::Folder;
    const std::size_t columns = characters(entry.name);
    page += "<a href=\"" + escaped_component(entry.name) + (folder ? "/\">" : "\">");
    if (columns > name_columns) {
      page += escaped_html(first_characters(entry.name, name_columns - 3)) + "..&gt;</a>";
    } else {
      page += escaped_html(entry.name);
      if (folder && columns < name_columns) page += '/';
      page += "</a>";
      const std::size_t used = columns + (folder && columns < name_columns ? 1 : 0);
      page.append(name_columns - used, ' ');
    }
    page += ' ' + time_text(entry.modified, options.local_time, "%d-%b-%Y %H:%M") + ' ' +
            size_text(entry, options.exact_size) + "\r\n";
  }
  return page + "</pre><hr></body>\r\n</html>\r\n";
}

std::string_view kind_name(FolderEntry::Kind kind) {
  return kind == FolderEntry::Kind::Folder ? "directory" : kind == FolderEntry::Kind::File ? "file" : "other";
}

std::string json(const std::vector<FolderEntry>& entries) {
  std::string text = "[\r\n";
  for (const FolderEntry& entry : entries) {
    if (&entry != &entries.front()) text += ",\r\n";
    text += "{ \"name\":\"" + observe::json_escaped(entry.name) + "\", \"type\":\"" +
            std::string(kind_name(entry.kind)) + "\", \"mtime\":\"" + http_date(entry.modified) + '"';
    if (entry.kind == FolderEntry::Kind::File) text += ", \"size\":" + std::to_string(entry.size);
    text += " }";
  }
  return text + "\r\n]";
}

std::string xml(const std::vector<FolderEntry>& entries) {
  std::string text = "<?xml version=\"1.0\"?>\r\n<list>\r\n";
  for (const FolderEntry& entry : entries) {
    const std::string tag(kind_name(entry.kind));
    text += '<' + tag + " mtime=\"" + time_text(entry.modified, false, "%Y-%m-%dT%H:%M:%SZ") + '"';
    if (entry.kind == FolderEntry::Kind::File) text += " size=\"" + std::to_string(entry.size) + '"';
    text += '>' + escaped_html(entry.name) + "</" + tag + ">\r\n";
  }
  return text + "</list>\r\n";
}

}  // namespace

Result<std::vector<FolderEntry>> read_folder(const std::string& path) {
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
  if (!folder) return system_error(errno, "opendir() \"" + path + '"');
  std::vector<FolderEntry> entries;
  while (const dirent* found = ::readdir(folder.get())) {
    FolderEntry entry;
    entry.name = found->d_name;
    if (entry.name.starts_with('.')) continue;
    struct stat info {};
    // A link that leads nowhere is listed as it is.
    if (::fstatat(::dirfd(folder.get()), found->d_name, &info, 0) != 0 &&
        ::fstatat(::dirfd(folder.get()), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    entry.kind = S_ISDIR(info.st_mode)   ? FolderEntry::Kind::Folder
                 : S_ISREG(info.st_mode) ? FolderEntry::Kind::File
                                         : FolderEntry::Kind::Other;
    entry.size = static_cast<std::uint64_t>(info.st_size);
    entry.modified = info.st_mtime;
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const FolderEntry& a, const FolderEntry& b) {
    const bool a_folder = a.kind == FolderEntry::Kind::Folder;
    const bool b_folder = b.kind == FolderEntry::Kind::Folder;
    return a_folder != b_folder ? a_folder : a.name < b.name;
  });
  return entries;
}

std::string listing(const std::vector<FolderEntry>& entries, std::string_view path, const ListingOptions& options,
                    std::string_view callback) {
  switch (options.format) {
    case ListingFormat::Json:
      return json(entries);
    case ListingFormat::Jsonp:
      return "/* callback */\r\n" + std::string(callback) + '(' + json(entries) + ");";
    case ListingFormat::Xml:
      return xml(entries);
    case ListingFormat::Html:
      break;
  }
  return html(entries, path, options);
}

std::string_view listing_type(ListingFormat format) {
  switch (format) {
    case ListingFormat::Json:
      return "application/json";
    case ListingFormat::Jsonp:
      return "application/javascript";
    case ListingFormat::Xml:
      return "text/xml; charset=utf-8";
    case ListingFormat::Html:
      break;
  }
  return "text/html";
}

}  // namespace caisson::gateway

#include "observe/escape.h"

#include <algorithm>

namespace caisson::observe {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_special(char c) { return is_control(c) || static_cast<unsigned char>(c) >= 0x80 || c == '"' || c == '\\'; }

char hex_digit(unsigned value) { return "0123456789ABCDEF"[value & 15U]; }

// Most values need no change, so they are looked through first and copied whole.
template <class Needed>
std::string hex_escaped(std::string_view value, Needed needed) {
  const auto first = std::find_if(value.begin(), value.end(), needed);
  std::string out(value.begin(), first);
  for (auto at = first; at != value.end(); ++at) {
    if (!needed(*at)) {
      out += *at;
      continue;
    }
    const unsigned byte = static_cast<unsigned char>(*at);
    out += "\\x";
    out += hex_digit(byte >> 4U);
    out += hex_digit(byte);
  }
  return out;
}

}  // namespace

std::string escaped(std::string_view value) { return hex_escaped(value, is_special); }

std::string without_controls(std::string_view message) { return hex_escaped(message, is_control); }

std::string json_escaped(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    switch (c) {
      case '"':
      case '\\':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) {
          out += c;
        } else {
          out += "\\u00";
          out += hex_digit(static_cast<unsigned char>(c) >> 4U);
          out += hex_digit(static_cast<unsigned char>(c));
        }
    }
  }
  return out;
}

}  // namespace caisson::observe

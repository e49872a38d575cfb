#include "net/dns_message.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace caisson::net::dns {

namespace {

constexpr std::size_t header_size = 12;
constexpr std::size_t longest_name = 512;  // of text; more comes of compression that goes in circles
constexpr unsigned most_jumps = 64;
constexpr std::uint16_t class_internet = 1;

void append_16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

// Takes numbers and names from the front of a message; every take may find that there is not enough.
class Cursor {
 public:
  explicit Cursor(std::string_view message) : message_(message) {}

  std::optional<std::string_view> take(std::size_t bytes) {
    if (bytes > message_.size() - at_) return std::nullopt;
    at_ += bytes;
    return message_.substr(at_ - bytes, bytes);
  }
  std::optional<std::uint32_t> number(std::size_t bytes) {
    const auto taken = take(bytes);
    if (!taken) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : *taken) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  // In lower case, without a dot at its end; labels that were left out in favour of an earlier place are put in.
  std::optional<std::string> name() {
    std::string made;
    std::size_t at = at_;
    bool jumped = false;
    for (unsigned jumps = 0; jumps < most_jumps && at < message_.size();) {
      const auto length = static_cast<unsigned char>(message_[at]);
      if (length >= 0xc0) {
        if (at + 1 >= message_.size()) return std::nullopt;
        if (!jumped) at_ = at + 2;
        jumped = true;
        at = static_cast<std::size_t>(length & 0x3f) << 8 | static_cast<unsigned char>(message_[at + 1]);
        ++jumps;
        continue;
      }
      ++at;
      if (length == 0) {
        if (!jumped) at_ = at;
        return text::lowered(made);
      }
      if (length > 63 || length > message_.size() - at || made.size() + length > longest_name) return std::nullopt;
      if (!made.empty()) made += '.';
      made += message_.substr(at, length);
      at += length;
    }
    return std::nullopt;
  }

 private:
  std::string_view message_;
  std::size_t at_ = 0;
};

std::optional<Address> address_of(std::string_view bytes, std::uint32_t type) {
  if (type == static_cast<std::uint32_t>(Type::A) && bytes.size() == sizeof(in_addr)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  if (type == static_cast<std::uint32_t>(Type::Aaaa) && bytes.size() == sizeof(in6_addr)) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return std::nullopt;
}

// False when the record is malformed.
bool read_record(Cursor& cursor, Answer& answer, bool first) {
  const auto owner = cursor.name();
  const auto type = cursor.number(2);
  const auto of_class = cursor.number(2);
  const auto ttl = cursor.number(4);
  const auto size = cursor.number(2);
  if (!owner || !size) return false;
  const bool is_alias = *type == static_cast<std::uint32_t>(Type::Cname);
  Cursor inside = cursor;  // a name may refer to all of the message
  const auto data = cursor.take(*size);
  if (!data) return false;
  if (*of_class != class_internet) return true;
  const auto seconds = std::min<std::uint32_t>(*ttl, INT32_MAX);
  answer.ttl = first ? seconds : std::min(answer.ttl, seconds);
  if (is_alias) {
    auto alias = inside.name();
    if (!alias) return false;
    answer.alias = std::move(*alias);
    return true;
  }
  const bool wanted = *type == static_cast<std::uint32_t>(Type::A) || *type == static_cast<std::uint32_t>(Type::Aaaa);
  if (!wanted) return true;
  const auto address = address_of(*data, *type);
  if (!address) return false;
  answer.addresses.push_back(*address);
  return true;
}

}  // namespace

std::string describe(Code code) {
  switch (code) {
    case Code::FormatError:
      return "1: Format error";
    case Code::ServerFailure:
      return "2: Server failure";
    case Code::NoSuchName:
      return "3: Host not found";
    case Code::Unimplemented:
      return "4: Unimplemented";
    case Code::Refused:
      return "5: Operation refused";
    default:
      return std::to_string(static_cast<unsigned>(code)) + ": Unknown error";
  }
}

std::optional<std::string> query(std::uint16_t id, std::string_view name, Type type) {
  std::string made;
  append_16(made, id);
  append_16(made, 0x0100);  // recursion desired
  append_16(made, 1);       // one question
  for (int section = 0; section < 3; ++section) append_16(made, 0);
  if (name.ends_with('.')) name.remove_suffix(1);
  for (const std::string_view label : text::split(name, '.')) {
    if (label.empty() || label.size() > 63) return std::nullopt;
    made += static_cast<char>(label.size());
    made += label;
  }
  made += '\0';
  append_16(made, static_cast<std::uint16_t>(type));
  append_16(made, class_internet);
  return made;
}

std::optional<Answer> parse_answer(std::string_view bytes, std::string_view name, Type type) {
  if (bytes.size() < header_size) return std::nullopt;
  Cursor cursor(bytes);
  Answer answer;
  answer.id = static_cast<std::uint16_t>(*cursor.number(2));
  const std::uint32_t flags = *cursor.number(2);
  const std::uint32_t questions = *cursor.number(2);
  const std::uint32_t answers = *cursor.number(2);
  cursor.number(4);  // how many records of authority, and additional ones
  if ((flags & 0x8000) == 0 || questions != 1) return std::nullopt;
  answer.truncated = (flags & 0x0200) != 0;
  answer.code = static_cast<Code>(flags & 0xf);
  const auto asked = cursor.name();
  const auto asked_type = cursor.number(2);
  const auto asked_class = cursor.number(2);
  if (!asked || !asked_class || !text::iequals(*asked, name) || *asked_type != static_cast<std::uint32_t>(type)) {
    return std::nullopt;
  }
  if (answer.code != Code::Good || answer.truncated) return answer;
  for (std::uint32_t i = 0; i < answers; ++i) {
    if (!read_record(cursor, answer, i == 0)) return std::nullopt;
  }
  return answer;
}

}  // namespace caisson::net::dns

#include "gateway/access/address_ranges.h"

#include <algorithm>
#include <iterator>

#include "gateway/network.h"

namespace caisson::gateway {

namespace {

std::optional<std::uint32_t> parse_v4(std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address || address->v6 || text.find(':') != std::string_view::npos) return std::nullopt;
  return address->v4_number();
}

// Calls `act` with each piece of the range between two boundaries.
template <class Act>
void cut(const AddressRange& range, Act act) {
  std::uint64_t at = range.first;
  while (at <= range.last) {
    const auto first = static_cast<std::uint32_t>(at);
    const std::uint32_t last = std::min(range.last, first | 0xffffU);
    act(AddressRange{first, last});
    at = std::uint64_t{last} + 1;
  }
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_v4(text.substr(0, dash));
  const auto last = parse_v4(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return AddressRange{*first, *last};
}

std::string AddressRange::str() const { return IpAddress::v4(first).str() + '-' + IpAddress::v4(last).str(); }

// ngx_http_geo_add_range
Result<void> AddressRanges::add(const AddressRange& range, const std::string& value, const OnDuplicate& on_duplicate) {
  Result<void> done;
  cut(range, [&](const AddressRange& piece) {
    if (done.ok()) done = add_piece(piece, value, on_duplicate);
  });
  return done;
}

Result<void> AddressRanges::add_piece(const AddressRange& piece, const std::string& value,
                                      const OnDuplicate& on_duplicate) {
  // The last of those that begin before its end is the one that it may overlap.
  auto after = pieces_.upper_bound(piece.last);
  if (after == pieces_.begin() || std::prev(after)->second.last < piece.first) {
    pieces_.emplace(piece.first, Piece{piece.last, value});
    return {};
  }
  const auto old = std::prev(after);
  const AddressRange around{old->first, old->second.last};
  if (around.first == piece.first && around.last == piece.last) {
    on_duplicate(old->second.value);
    old->second.value = value;
    return {};
  }
  if (piece.first < around.first || piece.last > around.last) return Error{ErrorCode::BadConfig, around.str()};
  const std::string outer = old->second.value;
  pieces_.erase(old);
  if (around.first < piece.first) pieces_.emplace(around.first, Piece{piece.first - 1, outer});
  pieces_.emplace(piece.first, Piece{piece.last, value});
  if (piece.last < around.last) pieces_.emplace(piece.last + 1, Piece{around.last, outer});
  return {};
}

// ngx_http_geo_delete_range
bool AddressRanges::remove(const AddressRange& range) {
  bool all = true;
  cut(range, [&](const AddressRange& piece) {
    const auto found = pieces_.find(piece.first);
    if (found != pieces_.end() && found->second.last == piece.last) {
      pieces_.erase(found);
    } else {
      all = false;
    }
  });
  return all;
}

const std::string* AddressRanges::find(std::uint32_t address) const {
  const auto after = pieces_.upper_bound(address);
  if (after == pieces_.begin()) return nullptr;
  const Piece& before = std::prev(after)->second;
  return before.last < address ? nullptr : &before.value;
}

}  // namespace caisson::gateway

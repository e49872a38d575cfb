// Texts for ranges of IPv4 addresses, as `geo` with `ranges` has them: a range inside an earlier one stands out of it,
// and ranges that overlap in part are refused. ngx_http_geo_module.c
//
// Ownership: a value. Threading: written by one thread, read-only afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace caisson::gateway {

struct AddressRange {
  std::uint32_t first = 0;  // in host order
  std::uint32_t last = 0;

  // "192.0.2.0-192.0.2.255"
  static std::optional<AddressRange> parse(std::string_view text);
  std::string str() const;
};

class AddressRanges {
 public:
  // Called with the old value of a range that is put in anew.
  using OnDuplicate = std::function<void(const std::string& old)>;

  // The error names the earlier range.
  Result<void> add(const AddressRange& range, const std::string& value, const OnDuplicate& on_duplicate);
  // False: no such range was there, at least not all of it.
  bool remove(const AddressRange& range);
  const std::string* find(std::uint32_t address) const;

 private:
  struct Piece {
    std::uint32_t last;
    std::string value;
  };
  using Pieces = std::map<std::uint32_t, Piece>;  // by their first address

  Result<void> add_piece(const AddressRange& piece, const std::string& value, const OnDuplicate& on_duplicate);

  // Apart from each other; none crosses a boundary of 2^16 addresses, where nginx cuts ranges, too: what is a
  // duplicate and what overlaps is told piece by piece.
  Pieces pieces_;
};

}  // namespace caisson::gateway

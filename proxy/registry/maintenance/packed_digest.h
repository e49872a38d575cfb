// Digests in little memory: for those who hold very many at once.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "registry/store/digest.h"

namespace caisson::registry::maintenance {

struct PackedDigest {
  store::Algorithm algorithm = store::Algorithm::Sha256;
  std::array<std::byte, 64> bytes{};  // the second half is zero unless it is sha512

  auto operator<=>(const PackedDigest&) const = default;
};

PackedDigest pack(const store::Digest& digest);
store::Digest unpack(const PackedDigest& digest);

// A set of digests, of 32 bytes each in a table without pointers: of a sha512 the first half, which is as hard to meet
// again as a sha256.
class DigestSet {
 public:
  DigestSet();

  // Whether it is new.
  bool insert(const PackedDigest& digest);
  bool insert(const store::Digest& digest) { return insert(pack(digest)); }
  bool contains(const PackedDigest& digest) const;
  bool contains(const store::Digest& digest) const { return contains(pack(digest)); }
  std::size_t size() const noexcept { return tables_[0].size + tables_[1].size; }

 private:
  using Entry = std::array<std::uint64_t, 4>;
  struct Table {
    std::vector<Entry> entries;  // all zero: free. No digest that anybody can find is zero
    std::size_t size = 0;
  };

  // Where the entry is, or where it would go. Digests come from clients: the seed keeps them from choosing the place.
  std::size_t place_of(const Table& table, const Entry& entry) const;
  void grow(Table& table) const;

  std::array<Table, 2> tables_;
  Entry seed_{};
};

}  // namespace caisson::registry::maintenance

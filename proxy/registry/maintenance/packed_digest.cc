#include "registry/maintenance/packed_digest.h"

#include <cstring>
#include <random>
#include <span>
#include <string>

#include "base/text.h"

namespace caisson::registry::maintenance {

PackedDigest pack(const store::Digest& digest) {
  PackedDigest packed{digest.algorithm(), {}};
  const std::string_view hex = digest.hex();
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    packed.bytes[i / 2] = static_cast<std::byte>(text::hex_value(hex[i]) * 16 + text::hex_value(hex[i + 1]));
  }
  return packed;
}

store::Digest unpack(const PackedDigest& digest) {
  const std::size_t size = digest.algorithm == store::Algorithm::Sha256 ? 32 : 64;
  return store::Digest::parse(std::string(to_string(digest.algorithm)) + ':' +
                              text::to_hex(std::span(digest.bytes).first(size)))
      .value();
}

DigestSet::DigestSet() {
  std::random_device random;
  for (std::uint64_t& word : seed_) word = (std::uint64_t{random()} << 32U) | random() | 1U;
}

bool DigestSet::insert(const PackedDigest& digest) {
  Table& table = tables_[static_cast<std::size_t>(digest.algorithm)];
  if (table.size * 4 >= table.entries.size() * 3) grow(table);
  Entry entry{};
  std::memcpy(entry.data(), digest.bytes.data(), sizeof entry);
  Entry& place = table.entries[place_of(table, entry)];
  if (place == entry) return false;
  place = entry;
  ++table.size;
  return true;
}

bool DigestSet::contains(const PackedDigest& digest) const {
  const Table& table = tables_[static_cast<std::size_t>(digest.algorithm)];
  if (table.entries.empty()) return false;
  Entry entry{};
  std::memcpy(entry.data(), digest.bytes.data(), sizeof entry);
  return table.entries[place_of(table, entry)] == entry;
}

std::size_t DigestSet::place_of(const Table& table, const Entry& entry) const {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < entry.size(); ++i) {
    hash = (hash ^ entry[i]) * seed_[i];
    hash ^= hash >> 32U;
  }
  const std::size_t mask = table.entries.size() - 1;
  std::size_t at = hash & mask;
  while (table.entries[at] != Entry() && table.entries[at] != entry) at = (at + 1) & mask;
  return at;
}

void DigestSet::grow(Table& table) const {
  Table larger;
  larger.entries.resize(table.entries.empty() ? 64 : table.entries.size() * 2);
  larger.size = table.size;
  for (const Entry& entry : table.entries) {
    if (entry != Entry()) larger.entries[place_of(larger, entry)] = entry;
  }
  table = std::move(larger);
}

}  // namespace caisson::registry::maintenance

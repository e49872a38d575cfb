#include "gateway/access/split_clients.h"

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

std::uint32_t murmur_hash2(std::string_view text) {
  constexpr std::uint32_t mix = 0x5bd1e995;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  auto hash = static_cast<std::uint32_t>(text.size());
  while (text.size() >= 4) {
    std::uint32_t k = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
    k *= mix;
    k ^= k >> 24;
    k *= mix;
    hash = hash * mix ^ k;
    text.remove_prefix(4);
  }
  if (text.size() == 3) hash ^= byte(2) << 16;
  if (text.size() >= 2) hash ^= byte(1) << 8;
  if (!text.empty()) hash = (hash ^ byte(0)) * mix;
  hash ^= hash >> 13;
  hash *= mix;
  return hash ^ hash >> 15;
}

namespace {

struct Split {
  struct Part {
    std::uint64_t share;  // in hundredths of a percent; 0: "*", the rest
    std::uint32_t below;  // hashes below this belong to it
    std::string value;
  };
  rules::Template source;
  std::vector<Part> parts;

  rules::Value value(rules::RequestState& state) const {
    const std::uint32_t hash = murmur_hash2(source.expand(state));
    for (const Part& part : parts) {
      if (hash < part.below || part.share == 0) return part.value;
    }
    return std::nullopt;
  }
};

// "12.34%" in hundredths of a percent; "*" is 0.
std::optional<std::uint64_t> parse_share(std::string_view text) {
  if (text == "*") return 0;
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  const std::size_t point = text.find('.');
  const auto whole = text::to_number(text.substr(0, point));
  std::string fraction(point == std::string_view::npos ? std::string_view("00") : text.substr(point + 1));
  if (fraction.size() == 1) fraction += '0';
  const auto rest = text::to_number(fraction);
  if (!whole || !rest || fraction.size() != 2 || *whole > 100) return std::nullopt;
  const std::uint64_t share = *whole * 100 + *rest;
  return share == 0 ? std::nullopt : std::optional(share);
}

Result<void> add_split(Loader& loader, const Directive& d) {
  const std::string& name = d.args[1];
  if (!name.starts_with('$') || name.size() < 2) return config::error_at(d.at, "invalid variable name \"" + name + '"');
  auto split = std::make_shared<Split>();
  Result<rules::Template> source = loader.compile(d.args[0], d);
  if (!source.ok()) return std::move(source).error();
  split->source = std::move(source).value();
  std::uint64_t sum = 0;
  for (const Directive& line : d.block) {
    const auto share = parse_share(line.name);
    if (!share || line.args.size() != 1) return config::error_at(line.at, "invalid percent value \"" + line.name + '"');
    sum += *share;
    if (sum > 10'000) return config::error_at(line.at, "percent total is greater than 100%");
    constexpr std::uint64_t all = std::numeric_limits<std::uint32_t>::max();
    split->parts.push_back({*share, static_cast<std::uint32_t>(sum * all / 10'000), line.args[0]});
  }
  const auto made =
      loader.define_variable(name, d, [split](rules::RequestState& state) { return split->value(state); });
  return made.ok() ? Result<void>() : Result<void>(made.error());
}

constexpr std::array directives = {
    DirectiveSpec{"split_clients", rules::Http, 2, 2, DirectiveSpec::Body::Required, &add_split},
};

}  // namespace

void describe_split_clients(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway

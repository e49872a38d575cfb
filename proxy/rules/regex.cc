#include "rules/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <new>

#include "base/handle.h"

namespace caisson::rules {

namespace {

constexpr std::uint32_t most_matching_steps = 200'000;
constexpr std::uint32_t most_heap_kib = 4'096;

using MatchData = std::unique_ptr<pcre2_match_data, FreeWith<&pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, FreeWith<&pcre2_match_context_free>>;

const pcre2_code* as_code(const std::shared_ptr<void>& code) { return static_cast<const pcre2_code*>(code.get()); }

pcre2_match_context* limits() {
  thread_local const MatchContext context = [] {
    MatchContext made(pcre2_match_context_create(nullptr));
    if (!made) throw std::bad_alloc();
    pcre2_set_match_limit(made.get(), most_matching_steps);
    pcre2_set_heap_limit(made.get(), most_heap_kib);
    return made;
  }();
  return context.get();
}

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern, Case letters) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   letters == Case::Ignored ? PCRE2_CASELESS : 0, &error, &offset, nullptr);
  if (code == nullptr) {
    PCRE2_UCHAR text[256] = {};
    pcre2_get_error_message(error, text, sizeof text);
    std::string what = "pcre2_compile() failed: ";
    what += reinterpret_cast<const char*>(text);
    what += " in \"" + std::string(pattern) + '"';
    if (offset < pattern.size()) what += " at \"" + std::string(pattern.substr(offset)) + '"';
    return Error{ErrorCode::BadConfig, std::move(what)};
  }
  Regex made;
  made.pattern_ = pattern;
  made.code_ = std::shared_ptr<void>(code, [](void* p) { pcre2_code_free(static_cast<pcre2_code*>(p)); });
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without JIT it runs interpreted

  std::uint32_t count = 0;
  std::uint32_t entry_size = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &entry_size);
  pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
  for (std::uint32_t i = 0; i < count; ++i, table += entry_size) {
    made.names_.emplace_back(reinterpret_cast<const char*>(table + 2), std::size_t{table[0]} << 8 | table[1]);
  }
  return made;
}

Regex::Outcome Regex::match(std::string_view subject, Captures* captures) const {
  const pcre2_code* code = as_code(code_);
  const MatchData data(pcre2_match_data_create_from_pattern(code, nullptr));
  if (!data) throw std::bad_alloc();
  const int groups =
      pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), 0, 0, data.get(), limits());
  if (groups == PCRE2_ERROR_NOMATCH) return Outcome::NoMatch;
  if (groups < 0) return Outcome::LimitReached;
  if (captures != nullptr) {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
    captures->assign(pcre2_get_ovector_count(data.get()), std::string());
    for (std::size_t i = 0; i < static_cast<std::size_t>(groups); ++i) {
      if (ends[2 * i] != PCRE2_UNSET) (*captures)[i] = subject.substr(ends[2 * i], ends[2 * i + 1] - ends[2 * i]);
    }
  }
  return Outcome::Match;
}

}  // namespace caisson::rules

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz/h1_invariants.h"

namespace {

TEST_CASE("the fuzzer's invariants hold for its whole corpus") {
  unsigned inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CAISSON_FUZZ_CORPUS "/h1")) {
    CAPTURE(entry.path().filename().string());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    REQUIRE_FALSE(bytes.empty());
    CHECK_NOTHROW(caisson::fuzz::check_h1(bytes));
    ++inputs;
  }
  CHECK(inputs >= 28);
}

}  // namespace

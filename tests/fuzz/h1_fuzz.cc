// The HTTP/1 codec against invented bytes: h1_fuzz tests/fuzz/corpus/h1
#include <cstddef>
#include <cstdint>

#include "fuzz/h1_invariants.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  caisson::fuzz::check_h1({reinterpret_cast<const char*>(data), size});
  return 0;
}

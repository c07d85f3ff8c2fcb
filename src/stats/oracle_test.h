// Expected values made by tests/oracles/stats_*.py, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace gantry {

inline nlohmann::json oracle(const std::string& file) {
  std::ifstream in(std::string(GANTRY_SOURCE_DIR "/tests/data/stats/") + file);
  EXPECT_TRUE(in.good()) << file;
  return nlohmann::json::parse(in);
}

// ../shared/reference/vectors/NAME, null where it is missing (the caller then skips). Python writes
// Infinity and NaN, which JSON does not know: they are read as null.
inline nlohmann::json shared_reference(const std::string& name) {
  std::ifstream in(std::string(GANTRY_SHARED_DIR "/reference/vectors/") + name);
  if (!in) return nullptr;
  std::string text((std::istreambuf_iterator<char>(in)), {});
  for (const char* word : {"-Infinity", "Infinity", "NaN"}) {
    for (size_t at; (at = text.find(word)) != std::string::npos;) {
      text.replace(at, std::string(word).size(), "null");
    }
  }
  return nlohmann::json::parse(text);
}

// |a - b| <= tolerance * max(1, |b|).
inline testing::AssertionResult close(double a, double b, double tolerance = 1e-9) {
  if (a == b || std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b))) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << a << " against " << b << ", difference " << a - b;
}

}  // namespace gantry

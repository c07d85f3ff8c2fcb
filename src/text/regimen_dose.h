// The doses of a regimen's text: every "42.56 Gy in 16 fractions of 2.66 Gy", "600 cGy x 6 = 36
// Gy", "60/30", with what stands between them. For text/regimen.cc, which says what each is for.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace gantry {

struct DoseMention {
  size_t begin = 0, end = 0;  // bytes of the text
  std::optional<double> total_gy, per_fraction_gy;
  std::optional<int> fractions;
  bool rbe = false;
  bool per_fraction_written = false;
  bool boost_word = false;  // "a 5.4 Gy boost in 3 fractions"
};

// In the text's order, apart. Numbers that no regimen has (0, more than 300 Gy, more than 60
// fractions) are not taken.
std::vector<DoseMention> find_doses(std::string_view text);

}  // namespace gantry

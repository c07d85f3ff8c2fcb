#include "models/rotary.h"

#include <cmath>
#include <numbers>

namespace gantry {
namespace {

// LLaMA 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended.
double llama3_frequency(const RopeScaling& s, double frequency) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double turns = static_cast<double>(s.original_context) / wavelength;
  if (turns < s.low_frequency_factor) return frequency / s.factor;
  if (turns > s.high_frequency_factor) return frequency;
  const double smooth =
      (turns - s.low_frequency_factor) / (s.high_frequency_factor - s.low_frequency_factor);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

}  // namespace

std::vector<double> rotary_frequencies(const DecoderConfig& config, int64_t longest) {
  const RopeScaling& s = config.rope_scaling;
  const double size = static_cast<double>(config.head_size);
  double base = config.rope_base;
  if (s.kind == RopeScaling::Kind::dynamic && longest > s.original_context) {
    const double stretch = static_cast<double>(longest) / static_cast<double>(s.original_context);
    base *= std::pow(s.factor * stretch - (s.factor - 1), size / (size - 2));
  }
  std::vector<double> frequencies;
  for (int64_t i = 0; i < config.head_size / 2; ++i) {
    double f = std::pow(base, -2.0 * static_cast<double>(i) / size);
    if (s.kind == RopeScaling::Kind::linear) f /= s.factor;
    if (s.kind == RopeScaling::Kind::llama3) f = llama3_frequency(s, f);
    if (s.kind == RopeScaling::Kind::factors)
      f /= static_cast<double>(s.factors[static_cast<size_t>(i)]);
    frequencies.push_back(f);
  }
  return frequencies;
}

}  // namespace gantry

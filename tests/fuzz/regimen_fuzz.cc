// Regimens: any bytes are read; parts lie within the text; numbers are those of a regimen. The
// terms are those of tasks/radiotherapy-terms.toml ($GANTRY_DATA, else the folder above).
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "study/data_folder.h"
#include "text/regimen.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  static const RegimenTerms terms = RegimenTerms::load(data_file("tasks/radiotherapy-terms.toml"));
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Regimen regimen = parse_regimen(text, terms);
  for (const CoursePart& part : regimen.parts) {
    if (part.begin > part.end || part.end > size) std::abort();
    if (part.total_gy && !(std::isfinite(*part.total_gy) && *part.total_gy > 0)) std::abort();
    if (part.fractions && *part.fractions < 1) std::abort();
  }
  for (const char* modality : {"", "photon", "brachytherapy"}) {
    check_regimen(regimen, modality, terms);
  }
  match_fields(regimen, regimen);
  return 0;
}

// The tables of a task (tasks/*.tsv, *.toml): any bytes as each of them are an Error, or a table
// that reads a text.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/case_code.h"
#include "text/code_concepts.h"
#include "text/concepts.h"
#include "text/regimen.h"
#include "text/wording.h"
#include "weights/code_shelf.h"
#include "weights/known_models.h"

namespace {

constexpr std::string_view kText = "L4に骨転移あり。3→5mmと増大。 Lt breast ca, bone mets \xFF";

template <typename Use>
void try_to(const Use& use) {
  try {
    use();
  } catch (const gantry::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try_to([&] { Wording::parse(bytes, "fuzz").fold(kText); });
  try_to([&] { ConceptTable::parse(bytes, "fuzz").of_text(kText); });
  try_to([&] {
    const CodeConcepts concepts = CodeConcepts::parse(bytes, "fuzz");
    concepts.read(kText);
    concepts.in_title("C79.51 Secondary malignant neoplasm of bone");
  });
  try_to([&] { CodeReplacements::parse(bytes, "fuzz").find("C88.4", kText); });
  try_to([&] {
    const RegimenTerms terms = RegimenTerms::parse(bytes, "fuzz");
    check_regimen(parse_regimen("5000 cGy/25 fx VMAT", terms), "photon", terms);
  });
  try_to([&] { parse_known_models(bytes, "fuzz"); });
  try_to([&] { parse_known_code_lists(bytes, "fuzz"); });
  return 0;
}

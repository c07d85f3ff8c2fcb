// Sections: bodies lie within the report, in order, without overlap. The heading table itself is
// fuzzed too when the input begins with a bracket.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/sections.h"

namespace {

constexpr const char* kTable = R"toml(
[kinds.indication]
main = true
names = ["臨床情報", "検査目的", "依頼目的", "臨床診断", "indication"]
only_marked = ["目的", "経過"]
endings = ["目的"]
[kinds.findings]
main = true
modality = true
names = ["所見", "画像所見", "findings"]
endings = ["所見"]
[kinds.diagnosis]
main = true
modality = true
names = ["診断", "画像診断", "impression"]
[kinds.comparison]
names = ["比較"]
[marks]
pairs = ["【】", "<>", "[]", "()"]
signs = "■◎#=*"
bullets = "・-"
colons = [":", "→"]
joiners = ["・", "/", "及び"]
modality_words = ["CT", "MRI", "胸部"]
)toml";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  static const SectionTable table = SectionTable::parse(kTable, "fuzz");
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with("[")) {
    try {
      SectionTable::parse(text, "fuzz").cut("【所見】\n骨 ■診断: x");
    } catch (const Error&) {
    }
  }
  Sections cut = table.cut(text);
  size_t end = 0;
  for (const Section& s : cut.parts) {
    if (s.begin < end || s.end < s.begin || s.end > size) std::abort();
    if (text.substr(s.begin, s.end - s.begin) != s.body) std::abort();
    end = s.end;
  }
  return 0;
}

#include "cli/study_verbs.h"

#include "base/error.h"
#include "base/threads.h"
#include "workflow/readings.h"

namespace gantry::cli {

Study open_study(const Face& face, const std::vector<std::string>& overrides) {
  Study study = Study::open(face.study.empty() ? "." : face.study, overrides);
  if (face.threads == 0 && study.settings().machine.threads > 0)
    set_thread_count(static_cast<int>(study.settings().machine.threads));
  try {
    note_margin(study);  // whichever verb sees a margin first keeps its date
  } catch (const Error& error) {
    if (error.code() != "E0102") throw;  // a study on a medium that cannot be written
  }
  return study;
}

std::vector<std::string> only_overrides(const std::vector<std::string>& words) {
  SortedWords sorted = sort_words(words);
  if (!sorted.files.empty())
    throw Error("E0901", "'" + sorted.files[0] + "': not a setting",
                "Write settings as key=value, such as runs=3.");
  return sorted.overrides;
}

}  // namespace gantry::cli

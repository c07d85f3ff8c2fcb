#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "records/store.h"
#include "report/sheet.h"
#include "study/cases.h"
#include "workflow/readings.h"

namespace gantry {

ReadingSheet write_reading_sheet(const Study& study, const std::string& reader,
                                 const std::filesystem::path& folder, uint64_t seed,
                                 bool model_text) {
  const Settings& settings = study.settings();
  auto store = Store::open_read_only(study.records_path());
  const Cases cases = load_cases(study, *store);
  check_for_test(cases, settings);
  std::vector<const Case*> order;
  for (const auto* item : cases.of(CaseSet::kTest))
    if (item->label >= 0) order.push_back(item);
  Random(seed, stream_of(reader)).shuffle(order);

  const std::string& task_ja = study.task().title_ja;
  Sheet sheet{.title = {study.task().title + ": reading sheet",
                        (task_ja.empty() ? study.task().title : task_ja) + "：判読票"},
              .lead = {study.task().question, study.task().question_ja +
                                                  "各レポートを読み、群を一つ選んでください。前のレ"
                                                  "ポートに戻って直すこともできます。"},
              .synthetic = settings.study.synthetic,
              .person_column = "reader",
              .person = reader,
              .keys = {"order", "report", "source"},
              .answer_column = "label",
              .seconds = true};
  for (size_t g = 0; g < settings.labels.values.size(); ++g) {
    Words meaning;
    if (g < settings.labels.names.size()) meaning.en = settings.labels.names[g];
    if (g < settings.labels.names_ja.size()) meaning.ja = settings.labels.names_ja[g];
    sheet.choices.emplace_back(settings.labels.values[g], meaning);
  }
  for (size_t i = 0; i < order.size(); ++i)
    sheet.items.push_back({{std::to_string(i + 1), order[i]->id, order[i]->source},
                           std::to_string(i + 1) + " / " + std::to_string(order.size()),
                           {{model_text ? "what the model reads" : "whole report",
                             model_text ? order[i]->text : order[i]->original}}});

  std::string stem;
  for (char c : reader)
    stem += c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 ? '_' : c;
  ReadingSheet out{folder / ("reading-sheet-" + stem + ".csv"),
                   folder / ("reading-sheet-" + stem + ".html"),
                   static_cast<int64_t>(order.size())};
  for (const auto& file : {out.csv, out.html})
    if (std::filesystem::exists(file))
      throw Error("E0783", file.string() + ": exists, and may be filled in",
                  "Move it away, or name another folder with --out.");
  make_private_folder(folder);
  write_file_atomically(out.csv, sheet_csv(sheet));
  write_file_atomically(out.html, sheet_html(sheet));
  return out;
}

}  // namespace gantry

// gantry predict: answers for new reports.
#include "workflow/predict.h"

#include "base/strings.h"
#include "cli/study_verbs.h"

namespace gantry::cli {

void add_predict(CLI::App& app, Face& face) {
  auto* verb =
      app.add_subcommand("predict", "Classify new reports; - reads JSONL from standard input");
  auto options = std::make_shared<PredictOptions>();
  auto in = std::make_shared<std::string>();
  auto out = std::make_shared<std::string>();
  auto words = std::make_shared<std::vector<std::string>>();
  verb->add_option("file", *in, "CSV, TSV or JSONL; - is standard input")->required();
  verb->add_option("settings", *words, "key=value, for example predict.precision=int8");
  verb->add_option("--out", *out,
                   "predictions.jsonl or predictions.csv (default: standard output)");
  verb->add_option("--run", options->run, "Which run (default: the latest)");
  verb->add_option("--encoding", options->encoding, "Of the file (default: told apart)");
  verb->add_flag("--with-text", options->with_text,
                 "Also write what the encoder read (patients' text: mind where it goes)");
  verb->add_flag("--resume", options->resume, "Go on behind the last answer in --out");
  verb->footer("Example: gantry predict --study s new.jsonl --out predictions.jsonl");
  verb->callback([&face, options, in, out, words] {
    Study study = open_study(face, only_overrides(*words));
    options->in = *in;
    options->out = *out;
    if (face.json && out->empty())
      throw CLI::ValidationError("--json",
                                 "needs --out, since answers would stand on standard output too");
    PredictReport report = predict(study, *options, face.progress());
    face.say(with_commas(report.answered) + " reports answered in " +
             format_double(report.seconds, 1) + " s (" + format_double(report.seconds_load, 1) +
             " s of them loading), " + with_commas(report.abstained) +
             " of them held back for a person, " + with_commas(report.windowed) +
             " read in windows, " + with_commas(report.unusable) + " rows unusable" +
             (report.skipped > 0 ? ", " + with_commas(report.skipped) + " answered before" : ""));
    if (face.json)
      face.result({{"answered", report.answered},
                   {"abstained", report.abstained},
                   {"unusable", report.unusable},
                   {"windowed", report.windowed},
                   {"skipped", report.skipped},
                   {"tokens", report.tokens},
                   {"seconds", report.seconds},
                   {"seconds_load", report.seconds_load},
                   {"run", report.run},
                   {"encoding", report.encoding},
                   {"out", *out}},
                  "");
    if (report.answered + report.skipped == 0 && report.unusable > 0) face.exit_code = 1;
  });
}

}  // namespace gantry::cli
